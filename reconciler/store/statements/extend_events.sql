-- Make the partitions of today and the two days after.
select rollouts.extend_events() as made
