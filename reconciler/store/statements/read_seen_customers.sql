-- The customers seen with one feature, in any epoch that is kept: from the summary, and from the events behind its mark.
-- Each part stops at the limit by itself: whoever has millions of customers waits for no more than are asked for.
(
    select customer.customer_id
    from rollouts.rollout_customers customer
    where customer.feature_name = %(feature)s
    limit %(limit)s
)
union
(
    select event.customer_id
    from rollouts.rollout_events event
    where event.feature_name = %(feature)s
        and event.received_at >= (select rollouts.unsummarised_from())
        and event.event <> 'rollback'
    limit %(limit)s
)
limit %(limit)s
