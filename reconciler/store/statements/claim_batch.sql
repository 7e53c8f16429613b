-- Has this batch landed before? One row inserted: no, and now it is ours.
insert into rollouts.event_batches (id)
values (%(id)s)
on conflict do nothing
