-- How a rollout fares: counts of distinct customers over its window, from the events themselves, and since its epoch began,
-- from a summary that holds one row a customer. The summary is brought up to date by `summarise_events`; whoever reads adds
-- the events behind its mark, so that it is never behind.

set local role rollouts_owner;

create table rollouts.rollout_customers (
    feature_name          text collate "C" not null,
    epoch                 integer not null,
    customer_id           text collate "C" not null,
    first_enabled         timestamptz,              -- evaluated and on
    first_disabled        timestamptz,              -- evaluated and off
    first_error           timestamptz,              -- an error while on
    first_error_disabled  timestamptz,              -- an error while off
    constraint rollout_customers_pkey primary key (feature_name, epoch, customer_id)
) with (fillfactor = 80);
comment on table rollouts.rollout_customers is 'each customer seen in each epoch of a feature, by the first time; derived from rollout_events';

create table rollouts.tally_progress (
    only_row   boolean primary key default true constraint progress_is_one_row check (only_row),
    until      timestamptz not null
);
comment on table rollouts.tally_progress is 'up to where the events are in rollout_customers';
insert into rollouts.tally_progress (until) values ('-infinity');

-- From where on events may be missing in the summary: rows commit after their time of receipt, and a clock may be set back.
create function rollouts.unsummarised_from() returns timestamptz
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    return (select least(p.until, rollouts.clock()) - interval '1 minute' from rollouts.tally_progress p);
end
$$;

-- Bring the summary forward by an hour at most and return the new mark; null when another session is at it. It begins
-- `overlap` before its mark: rows that committed late, or came while a clock was set back, are found by the next run.
create function rollouts.summarise_events(overlap interval default '1 hour') returns timestamptz
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
    set plan_cache_mode = force_custom_plan set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    names text[];
    since timestamptz;
    -- Not further than this transaction surely sees: its snapshot may be as old as itself.
    mark timestamptz := rollouts.clock() - (clock_timestamp() - now());
begin
    -- A row that only the owner can lock; an advisory lock could be held by anybody.
    perform from rollouts.tally_progress for update skip locked;
    if not found then
        return null;
    end if;
    since := least(rollouts.unsummarised_from(), mark) - overlap;
    if since = '-infinity' then
        -- The first day there is; without any there is nothing to summarise.
        select coalesce(to_timestamp(min(right(c.relname, 8)), 'YYYYMMDD'), mark) into since
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'rollouts.rollout_events'::regclass;
    end if;
    mark := least(mark, since + overlap + interval '1 hour');
    -- By their names the features are found along the key; by time alone a whole day would be read.
    select array_agg(f.feature_name) into names from rollouts.feature_rollouts f;
    insert into rollouts.rollout_customers as c
    select
        e.feature_name, e.epoch, e.customer_id,
        min(e.received_at) filter (where e.event = 'enabled'),
        min(e.received_at) filter (where e.event = 'disabled'),
        min(e.received_at) filter (where e.event = 'error' and e.is_enabled),
        min(e.received_at) filter (where e.event = 'error' and not e.is_enabled)
    from rollouts.rollout_events e
    where e.feature_name = any(names) and e.received_at >= since and e.received_at < mark and e.event <> 'rollback'
    group by 1, 2, 3
    order by 1, 2, 3
    on conflict (feature_name, epoch, customer_id) do update set
        first_enabled = least(c.first_enabled, excluded.first_enabled),
        first_disabled = least(c.first_disabled, excluded.first_disabled),
        first_error = least(c.first_error, excluded.first_error),
        first_error_disabled = least(c.first_error_disabled, excluded.first_error_disabled)
    where (c.first_enabled is null and excluded.first_enabled is not null)
        or (c.first_disabled is null and excluded.first_disabled is not null)
        or (c.first_error is null and excluded.first_error is not null)
        or (c.first_error_disabled is null and excluded.first_error_disabled is not null);
    update rollouts.tally_progress set until = mark;
    return mark;
end
$$;

-- Counts over the window of each feature (of every one for null), of its attempt alone: errors of an earlier attempt and of
-- customers who don't have the feature can't trip it. A customer with an error counts as evaluated. No row: nobody was seen.
create function rollouts.window_tally(features text[])
returns table (feature text, customers bigint, exposed bigint, failing bigint, unexposed bigint, failing_unexposed bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
    set enable_seqscan = off -- along the key it costs what is in the window, and not what is in the day so far
as $$
#variable_conflict use_column
declare
    names text[];
    starts timestamptz[];
    attempts integer[];
    earliest timestamptz;
    this_moment constant timestamptz := rollouts.clock();
begin
    select array_agg(f.feature_name), array_agg(f.since), array_agg(f.attempt), min(f.since)
    into names, starts, attempts, earliest
    from (
        select r.feature_name, r.attempt,
               this_moment - make_interval(secs => (r.gates #>> '{thresholds,window}')::float8) as since
        from rollouts.feature_rollouts r
        where features is null or r.feature_name = any(features)
    ) f;
    return query
    select
        e.feature_name,
        count(distinct e.customer_id),
        count(distinct e.customer_id) filter (where e.is_enabled),
        count(distinct e.customer_id) filter (where e.is_enabled and e.event = 'error'),
        count(distinct e.customer_id) filter (where not e.is_enabled),
        count(distinct e.customer_id) filter (where not e.is_enabled and e.event = 'error')
    from rollouts.rollout_events e
    join unnest(names, starts, attempts) as w (feature_name, since, attempt)
        on e.feature_name = w.feature_name and e.attempt = w.attempt and e.received_at >= w.since
    where e.feature_name = any(names) and e.received_at >= earliest and e.event <> 'rollback'
    group by e.feature_name;
end
$$;

-- The same counts since the epoch of each feature began.
create function rollouts.epoch_tally(features text[])
returns table (feature text, customers bigint, exposed bigint, failing bigint, unexposed bigint, failing_unexposed bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    names text[];
    epochs integer[];
    tail constant timestamptz := rollouts.unsummarised_from();
begin
    select array_agg(f.feature_name), array_agg(f.epoch) into names, epochs
    from rollouts.feature_rollouts f
    where features is null or f.feature_name = any(features);
    return query
    select
        seen.feature_name, count(*), count(*) filter (where seen.is_on), count(*) filter (where seen.failed_on),
        count(*) filter (where seen.is_off), count(*) filter (where seen.failed_off)
    from (
        select each.feature_name, each.customer_id, bool_or(each.is_on) as is_on, bool_or(each.failed_on) as failed_on,
               bool_or(each.is_off) as is_off, bool_or(each.failed_off) as failed_off
        from (
            select c.feature_name, c.customer_id,
                   c.first_enabled is not null or c.first_error is not null as is_on,
                   c.first_error is not null as failed_on,
                   c.first_disabled is not null or c.first_error_disabled is not null as is_off,
                   c.first_error_disabled is not null as failed_off
            from rollouts.rollout_customers c
            join unnest(names, epochs) as w (feature_name, epoch)
                on c.feature_name = w.feature_name and c.epoch = w.epoch
            where c.feature_name = any(names)
            union all
            select e.feature_name, e.customer_id, e.is_enabled, e.is_enabled and e.event = 'error',
                   not e.is_enabled, not e.is_enabled and e.event = 'error'
            from rollouts.rollout_events e
            join unnest(names, epochs) as w (feature_name, epoch)
                on e.feature_name = w.feature_name and e.epoch = w.epoch
            where e.feature_name = any(names) and e.received_at >= tail and e.event <> 'rollback'
        ) each
        group by each.feature_name, each.customer_id
    ) seen
    group by seen.feature_name;
end
$$;

-- Forget the customers of epochs that ended before a moment. Returns how many rows.
create function rollouts.forget_epochs(before timestamptz) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    ended record;
    gone bigint := 0;
    here bigint;
begin
    for ended in
        select t.feature_name, max(t.epoch) as epoch from rollouts.rollout_transitions t
        join rollouts.feature_rollouts f on f.feature_name = t.feature_name and t.epoch < f.epoch
        where t.epoch + 1 in (
            select later.epoch from rollouts.rollout_transitions later
            where later.feature_name = t.feature_name and later.epoch_started_at < before
        )
        group by t.feature_name
    loop
        delete from rollouts.rollout_customers c where c.feature_name = ended.feature_name and c.epoch <= ended.epoch;
        get diagnostics here = row_count;
        gone := gone + here;
    end loop;
    return gone;
end
$$;

grant select on rollouts.rollout_customers, rollouts.tally_progress to rollouts_reconciler, rollouts_reader;
grant execute on function rollouts.unsummarised_from() to rollouts_reconciler, rollouts_reader;
grant execute on function rollouts.summarise_events(interval), rollouts.forget_epochs(timestamptz) to rollouts_reconciler;
-- Counts name no customer: an application may ask how its features fare.
grant execute on function rollouts.window_tally(text[]), rollouts.epoch_tally(text[])
    to rollouts_reconciler, rollouts_application, rollouts_reader;
