-- Remember which files are in force whole, sorted by key so that two writers can't deadlock.
insert into rollouts.settled_sources as known (feature_name, version, source_key)
select fresh.feature_name, fresh.version, fresh.source_key
from unnest(%(features)s::text[], %(versions)s::integer[], %(keys)s::text[])
    as fresh (feature_name, version, source_key)
order by fresh.feature_name collate "C"
on conflict (feature_name) do update
    set version = excluded.version, source_key = excluded.source_key
    where known.version <= excluded.version
