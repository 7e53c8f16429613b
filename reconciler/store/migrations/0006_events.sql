-- What applications report: who was evaluated, on or off, and where an error happened. Partitioned by the day of receipt
-- (UTC): a window reads what is in it, and a day goes by dropping its table. Data tables have neither trigger nor foreign
-- key nor enum, and every key holds the customer and the partition's column: the same schema runs on a distributed PostgreSQL.

set local role rollouts_owner;

create table rollouts.rollout_events (
    feature_name   text collate "C" not null,
    received_at    timestamptz not null default rollouts.clock(), -- the server's; what windows use
    customer_id    text collate "C" not null,                     -- '' for a rollback, which is everybody's
    id             uuid not null,
    event          text collate "C" not null,                     -- enabled disabled error rollback
    attempt        integer not null,                              -- of the rollout that the sender knew
    epoch          integer not null,
    is_enabled     boolean not null,                              -- was the feature on for this customer?
    "timestamp"    timestamptz not null,                          -- the sender's; decides nothing
    metadata       jsonb not null default '{}',
    constraint rollout_events_pkey primary key (feature_name, received_at, customer_id, id)
        include (event, attempt, is_enabled),
    constraint event_is_known check (event in ('enabled', 'disabled', 'error', 'rollback')),
    constraint event_says_what_was_on check (
        case event when 'enabled' then is_enabled when 'error' then true else not is_enabled end
    ),
    constraint event_names_its_customer check (
        case event when 'rollback' then customer_id = '' else octet_length(customer_id) between 1 and 256 end
    ),
    constraint event_names_its_feature check (feature_name ~ '\A[a-z][a-z0-9_-]{0,62}\Z'),
    constraint event_names_its_epoch check (attempt >= 1 and epoch >= 1),
    constraint event_metadata_is_small check (
        jsonb_typeof(metadata) = 'object' and octet_length(metadata::text) <= 8192
    )
) partition by range (received_at);
comment on table rollouts.rollout_events is 'what applications report, by the day of receipt; kept as long as the policy says';

create index errors_by_time on rollouts.rollout_events (received_at)
    include (feature_name, customer_id, attempt, is_enabled) where event = 'error';

-- A batch that is sent again has another time of receipt, so no key of the events catches it: it claims its id first.
create table rollouts.event_batches (
    id            uuid primary key,
    received_at   timestamptz not null default rollouts.clock()
);
comment on table rollouts.event_batches is 'batches that were stored, so that one sent again is not; two days are kept';

-- The same for single events whose sender chose their id.
create table rollouts.event_claims (
    id            uuid primary key,
    received_at   timestamptz not null default rollouts.clock()
);
comment on table rollouts.event_claims is 'events that were stored by an id of their sender; two days are kept';

create function rollouts.event_partition(day date) returns text
language sql stable parallel safe
return 'rollout_events_' || to_char(day::timestamp, 'YYYYMMDD');

-- Make the partitions of today and the two days after, so that nothing has to be made at midnight, or while a part of the server
-- is away. Whoever finds no partition for an event may call it. Returns how many were missing.
create function rollouts.extend_events() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
    today constant date := rollouts.clock()::date;
    day date;
    name text;
    made integer := 0;
begin
    for ahead in 0 .. 2 loop
        day := today + ahead;
        name := rollouts.event_partition(day);
        continue when to_regclass(format('rollouts.%I', name)) is not null;
        -- One at a time, and look again. Writers go on, and nobody else can take this lock, as anybody could an advisory one.
        lock table only rollouts.rollout_events in share update exclusive mode;
        continue when to_regclass(format('rollouts.%I', name)) is not null;
        -- Attaching lets writers go on where creating a partition in place would stop them.
        execute format('create table rollouts.%I (like rollouts.rollout_events including all)', name);
        execute format(
            'alter table rollouts.%I set (autovacuum_vacuum_insert_scale_factor = 0.02)', name
        );
        execute format(
            'alter table rollouts.rollout_events attach partition rollouts.%I for values from (%L) to (%L)',
            name, day::timestamptz, (day + 1)::timestamptz
        );
        made := made + 1;
    end loop;
    return made;
end
$$;

-- Drop a day of events. Two days at least are kept, whoever asks; `expected` is how many rows an archive of it holds.
-- While it waits for its lock every writer waits behind it, so it gives up soon.
create function rollouts.drop_events(day date, expected bigint default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '1s'
as $$
declare
    name constant text := rollouts.event_partition(day);
    found bigint;
begin
    if name is null or to_regclass(format('rollouts.%I', name)) is null then
        return false;
    end if;
    -- By the name: a day before our era is called like one of it.
    if to_date(right(name, 8), 'YYYYMMDD') > rollouts.clock()::date - 3 then
        raise exception 'events of % are younger than two whole days and stay', day
            using errcode = 'check_violation', constraint = 'recent_events_stay';
    end if;
    if expected is not null then
        execute format('lock table rollouts.%I in share mode', name);
        execute format('select count(*) from rollouts.%I', name) into found;
        if found <> expected then
            raise exception '% has % events, its archive %', name, found, expected
                using errcode = 'check_violation', constraint = 'archive_is_whole';
        end if;
    end if;
    execute format('drop table rollouts.%I', name);
    return true;
end
$$;

-- Forget claims that no sender comes back with. Returns how many.
create function rollouts.forget_claims() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    before constant timestamptz := rollouts.clock() - interval '48 hours';
    batches bigint;
    events bigint;
begin
    delete from rollouts.event_batches b where b.received_at < before;
    get diagnostics batches = row_count;
    delete from rollouts.event_claims c where c.received_at < before;
    get diagnostics events = row_count;
    return batches + events;
end
$$;

-- Report one event from any language: attempt, epoch and whether the feature is on are filled in as they are now. An id of
-- the sender's makes a repeated report harmless: false, and nothing is stored.
create function rollouts.record_event(
    feature text, customer text, event text, metadata jsonb default '{}', event_id uuid default null
) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    rollout record;
begin
    select f.attempt, f.epoch, rollouts.rollout_enabled(feature, customer) as is_on into rollout
    from rollouts.feature_rollouts f where f.feature_name = feature collate "C";
    if not found then
        raise exception 'feature % is unknown', feature
            using errcode = 'no_data_found', constraint = 'feature_is_known', hint = 'is its definition applied?';
    end if;
    if event_id is not null then
        insert into rollouts.event_claims (id) values (event_id) on conflict do nothing;
        if not found then
            return false;
        end if;
    end if;
    if to_regclass(format('rollouts.%I', rollouts.event_partition((rollouts.clock() at time zone 'UTC')::date))) is null then
        perform rollouts.extend_events();
    end if;
    insert into rollouts.rollout_events
        (feature_name, customer_id, id, event, attempt, epoch, is_enabled, "timestamp", metadata)
    values (
        feature, customer, coalesce(event_id, gen_random_uuid()), event, rollout.attempt, rollout.epoch,
        case event when 'enabled' then true when 'error' then rollout.is_on else false end, rollouts.clock(), metadata
    );
    return true;
end
$$;

-- Wake every client that listens: a transition of this feature has been committed.
create function rollouts.announce_transition() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_notify('rollouts', new.feature_name);
    return null;
end
$$;

create trigger announce after insert on rollouts.rollout_transitions
    for each row execute function rollouts.announce_transition();

grant insert (feature_name, customer_id, id, event, attempt, epoch, is_enabled, "timestamp", metadata)
    on rollouts.rollout_events to rollouts_application, rollouts_reconciler;
grant insert (id) on rollouts.event_batches, rollouts.event_claims to rollouts_application, rollouts_reconciler;
grant select (id) on rollouts.event_claims to rollouts_application, rollouts_reconciler; -- for `returning`
grant select on rollouts.rollout_events to rollouts_reconciler, rollouts_reader;
grant execute on function rollouts.extend_events(), rollouts.record_event(text, text, text, jsonb, uuid)
    to rollouts_application, rollouts_reconciler;
grant execute on function rollouts.drop_events(date, bigint), rollouts.forget_claims() to rollouts_reconciler;
grant execute on function rollouts.event_partition(date) to rollouts_application, rollouts_reconciler, rollouts_reader;
-- The default of `received_at` runs as whoever inserts.
grant execute on function rollouts.clock() to rollouts_application;
