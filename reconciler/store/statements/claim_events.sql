-- Of these ids of senders, the ones not stored before, which are ours now; sorted, so that two writers can't deadlock.
insert into rollouts.event_claims (id)
select id
from unnest(%(ids)s::uuid[]) as claimed (id)
order by id
on conflict do nothing
returning id
