-- Is the partition of a day there? By what the server knows now, not by what a transaction began with.
select to_regclass('rollouts.' || rollouts.event_partition(%(day)s::date)) is not null as is_there
