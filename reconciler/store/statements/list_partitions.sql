-- The days of the events that are there, oldest first.
select to_date(right(partition.relname, 8), 'YYYYMMDD') as day
from pg_catalog.pg_inherits inherited
join pg_catalog.pg_class partition
    on partition.oid = inherited.inhrelid
where inherited.inhparent = 'rollouts.rollout_events'::regclass
    and partition.relname ~ '^rollout_events_[0-9]{8}$'
order by day
