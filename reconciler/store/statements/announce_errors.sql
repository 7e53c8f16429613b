-- Wake whoever watches for errors. In a transaction of its own that waits for no standby: it holds a lock of the whole database
-- until its commit is over.
select set_config('synchronous_commit', 'local', true), pg_notify('rollout_errors', feature)
from unnest(%(features)s::text[]) feature
