-- The chain: one append-only row for each transition of a feature. A row carries its predecessor's values through a
-- composite key, so that every rule about "before and after" is a plain CHECK on one row, and nothing can be skipped,
-- backdated or forked. A row's constraint name is the name of the rule that refuses it.

set local role rollouts_owner;

-- Distinct, non-empty customer ids of at most 256 bytes.
create function rollouts.is_customer_list(customers text[]) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return cardinality(customers) = 0 or (
    array_ndims(customers) = 1
    and (select count(distinct customer) = cardinality(customers)
                and bool_and(octet_length(customer) between 1 and 256)
         from unnest(customers) as customer)
);

create function rollouts.are_disjoint(one text[], other text[]) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return cardinality(one) = 0 or cardinality(other) = 0
    or not exists (select unnest(one) intersect select unnest(other));

-- {"dwell": {"1": seconds, "2": …, "3": …}, "thresholds": {"error_rate": 0..1, "success_rate": 0..1,
--  "window": seconds, "min_exposed": count, "confidence": 0.5..0.999 or null}}; a duration is 366 days at most.
-- A path answers "unknown" where a cast would fail: text for a number, an array for an object, a missing key.
create function rollouts.are_gates(gates jsonb) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return case
    when gates @@ 'strict
        $.dwell."1" >= 0 && $.dwell."1" <= 31622400 && $.dwell."1" == $.dwell."1".floor()
        && $.dwell."2" >= 0 && $.dwell."2" <= 31622400 && $.dwell."2" == $.dwell."2".floor()
        && $.dwell."3" >= 0 && $.dwell."3" <= 31622400 && $.dwell."3" == $.dwell."3".floor()
        && $.thresholds.error_rate >= 0 && $.thresholds.error_rate <= 1
        && $.thresholds.success_rate >= 0 && $.thresholds.success_rate <= 1
        && $.thresholds.window > 0 && $.thresholds.window <= 31622400
        && $.thresholds.window == $.thresholds.window.floor()
        && $.thresholds.min_exposed >= 0 && $.thresholds.min_exposed <= 2147483647
        && $.thresholds.min_exposed == $.thresholds.min_exposed.floor()
        && ($.thresholds.confidence == null || $.thresholds.confidence >= 0.5 && $.thresholds.confidence <= 0.999)'
    then gates - array['dwell', 'thresholds'] = '{}'
        and (gates -> 'dwell') - array['1', '2', '3'] = '{}'
        and (gates -> 'thresholds') - array['error_rate', 'success_rate', 'window', 'min_exposed', 'confidence'] = '{}'
    else false
end;

-- Is none of these gates looser than the settled one? Without confidence a rollback comes first of all.
create function rollouts.are_no_looser(gates jsonb, settled jsonb) returns boolean
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return gates = settled or (
    (gates #> '{dwell,1}')::numeric >= (settled #> '{dwell,1}')::numeric
    and (gates #> '{dwell,2}')::numeric >= (settled #> '{dwell,2}')::numeric
    and (gates #> '{dwell,3}')::numeric >= (settled #> '{dwell,3}')::numeric
    and (gates #> '{thresholds,error_rate}')::numeric <= (settled #> '{thresholds,error_rate}')::numeric
    and (gates #> '{thresholds,success_rate}')::numeric >= (settled #> '{thresholds,success_rate}')::numeric
    and (gates #> '{thresholds,min_exposed}')::numeric >= (settled #> '{thresholds,min_exposed}')::numeric
    and gates #> '{thresholds,window}' = settled #> '{thresholds,window}'
    and coalesce(
        (gates #>> '{thresholds,confidence}')::numeric <= (settled #>> '{thresholds,confidence}')::numeric,
        gates #>> '{thresholds,confidence}' is null)
);

create table rollouts.rollout_transitions (
    -- what the writer says
    id                          uuid primary key,       -- chosen by the writer: an unknown outcome is read back by it
    feature_name                text collate "C" not null,
    version                     integer not null,       -- the predecessor's + 1: what the writer decided on
    kind                        text not null,          -- create adopt update promote demote rollback restart retire
    tier                        smallint not null,      -- 0..4
    target                      smallint not null,      -- where this rollout ends
    attempt                     integer not null,       -- one climb of the ladder
    rolled_back                 boolean not null,       -- off for everybody, whitelisted customers too
    retired                     boolean not null,       -- its file is gone; evaluates on as this row says
    paused                      boolean not null,
    description                 text not null,
    owner                       text not null,
    whitelisted_customers       text[] not null,
    blacklisted_customers       text[] not null,
    gates                       jsonb not null,         -- in force
    settled_gates               jsonb not null,         -- of the last definition that asked for this very tier
    is_settled                  boolean not null,       -- the whole definition of `revision` is in force
    gate_dwell_seconds          integer,                -- promotions: the dwell that was asked for
    verdict                     text,                   -- promotions: what the evidence said
    revision                    text,                   -- the commit that caused it; null: evidence or a person did
    rollback_commit             text,                   -- imported rollbacks: the commit that git remembers it by
    reason                      text not null,
    actor                       text not null,

    -- what the chain fills in
    at                          timestamptz not null,
    clocked_at                  timestamptz not null,   -- what the clock said; `at` stands still while it is set back
    epoch                       integer not null,       -- one uninterrupted stay at a tier
    epoch_started_at            timestamptz not null,
    settled_revision            text not null,          -- the commit that settled the gates; '' when none has
    rollout_id                  uuid not null,          -- the id of the chain's first row
    rollback_id                 uuid,                   -- the transition that rolled this attempt back
    started_at                  timestamptz,            -- when this attempt first left tier 0
    completed_at                timestamptz,            -- since when tier = target
    recorded_by                 text not null,          -- the login role that wrote it
    previous_version            integer,
    previous_tier               smallint,
    previous_target             smallint,
    previous_attempt            integer,
    previous_rolled_back        boolean,
    previous_retired            boolean,
    previous_at                 timestamptz,
    previous_epoch              integer,
    previous_epoch_started_at   timestamptz,
    previous_settled_revision   text,
    previous_settled_dwell      integer,
    previous_settled_exposed    integer,

    -- what follows from the row itself, so that it can't disagree
    percentage                  integer generated always as
        (case tier when 0 then 0 when 1 then 1 when 2 then 10 when 3 then 50 when 4 then 100 end) stored,
    is_raise                    boolean generated always as
        (kind in ('promote', 'restart') or (kind in ('create', 'adopt') and tier > 0)) stored,
    settled_dwell               integer generated always as
        (case when tier between 1 and 3 then (settled_gates #> array['dwell', tier::text])::integer else 0 end) stored,
    settled_exposed             integer generated always as
        ((settled_gates #> '{thresholds,min_exposed}')::integer) stored,

    -- the chain: versions follow one another, and a row can't lie about the one before it
    constraint one_row_a_version unique (feature_name, version),
    constraint chain_key unique (
        feature_name, version, tier, target, attempt, rolled_back, retired, at, epoch, epoch_started_at,
        settled_revision, settled_dwell, settled_exposed
    ),
    constraint follows_predecessor foreign key (
        feature_name, previous_version, previous_tier, previous_target, previous_attempt, previous_rolled_back,
        previous_retired, previous_at, previous_epoch, previous_epoch_started_at, previous_settled_revision,
        previous_settled_dwell, previous_settled_exposed
    ) references rollouts.rollout_transitions (
        feature_name, version, tier, target, attempt, rolled_back, retired, at, epoch, epoch_started_at,
        settled_revision, settled_dwell, settled_exposed
    ) match simple,
    constraint has_whole_predecessor check (
        num_nulls(previous_version, previous_tier, previous_target, previous_attempt, previous_rolled_back,
                  previous_retired, previous_at, previous_epoch, previous_epoch_started_at,
                  previous_settled_revision, previous_settled_dwell, previous_settled_exposed)
        = case when version = 1 then 12 else 0 end
    ),
    constraint follows_directly check (version = coalesce(previous_version, 0) + 1),
    constraint time_never_falls check (at >= previous_at),
    constraint epoch_is_one_stay check (
        case
            when version = 1 then epoch = 1 and epoch_started_at = at
            when tier = previous_tier and attempt = previous_attempt
                then epoch = previous_epoch and epoch_started_at = previous_epoch_started_at
            else epoch = previous_epoch + 1 and epoch_started_at = at
        end
    ),

    -- the ladder
    constraint tier_is_on_the_ladder check (tier between 0 and 4 and target between tier and 4),
    constraint starts_low check (version > 1 or kind = 'adopt' or tier <= 1),
    constraint no_skip check (tier <= previous_tier + 1),
    constraint dwell_is_served check (
        kind <> 'promote' or previous_tier = 0
        or coalesce(gate_dwell_seconds >= previous_settled_dwell
                    and gate_dwell_seconds >= (settled_gates #> array['dwell', previous_tier::text])::integer
                    and extract(epoch from least(at, clocked_at) - previous_epoch_started_at) >= gate_dwell_seconds,
                    false)
    ),
    constraint evidence_is_there check (
        kind <> 'promote' or previous_tier = 0
        or coalesce(verdict = 'healthy', false)
        or coalesce(verdict = 'insufficient' and previous_settled_exposed = 0 and settled_exposed = 0, false)
    ),
    constraint verdict_is_known check (verdict in ('healthy', 'unhealthy', 'insufficient')),
    constraint raise_is_not_paused check (not is_raise or kind = 'adopt' or not paused),
    constraint raise_needs_another_commit check (not is_raise or revision <> previous_settled_revision),

    -- rollback, attempts, retirement
    constraint rolled_back_is_off check (not rolled_back or tier = 0),
    constraint rolled_back_stays_off check (not previous_rolled_back or rolled_back or kind = 'restart'),
    constraint attempt_is_in_range check (attempt between 1 and 1000000),
    constraint attempt_follows check (
        attempt = previous_attempt
        or (kind = 'restart' and attempt = previous_attempt + 1)
        or (kind = 'rollback' and attempt > previous_attempt and attempt < 1000000 and rollback_commit is not null)
    ),
    constraint returns_no_higher check (not previous_retired or retired or tier <= previous_tier),

    -- each kind does what its name says
    constraint kind_is_known check (
        kind in ('create', 'adopt', 'update', 'promote', 'demote', 'rollback', 'restart', 'retire')
    ),
    constraint only_the_first_creates check ((version = 1) = (kind in ('create', 'adopt'))),
    constraint update_keeps_the_tier check (
        kind <> 'update' or (tier = previous_tier and attempt = previous_attempt and rolled_back = previous_rolled_back)
    ),
    constraint promotion_is_one_rung check (
        kind <> 'promote' or (tier = previous_tier + 1 and not previous_rolled_back and not previous_retired)
    ),
    constraint demotion_goes_down check (kind <> 'demote' or (tier < previous_tier and not previous_rolled_back)),
    constraint rollback_is_total check (
        kind <> 'rollback'
        or (tier = 0 and rolled_back and (attempt > previous_attempt or not previous_rolled_back))
    ),
    constraint only_a_rollback_rolls_back check (
        not rolled_back or version = 1 or kind = 'rollback' or previous_rolled_back
    ),
    constraint restart_follows_rollback check (
        kind <> 'restart'
        or (previous_rolled_back and not rolled_back and attempt = previous_attempt + 1 and tier <= 1)
    ),
    constraint retirement_is_finished check (
        kind <> 'retire'
        or (retired and not previous_retired and tier = previous_tier
            and (previous_rolled_back or previous_tier in (0, previous_target)))
    ),
    constraint only_a_retirement_retires check (
        not retired or kind = 'retire' or (kind = 'rollback' and previous_retired)
    ),
    constraint rollback_retires_nothing check (kind <> 'rollback' or retired = previous_retired),

    -- content
    constraint feature_name_is_valid check (feature_name ~ '\A[a-z][a-z0-9_-]{0,62}\Z'),
    constraint whitelist_is_a_list check (rollouts.is_customer_list(whitelisted_customers)),
    constraint blacklist_is_a_list check (rollouts.is_customer_list(blacklisted_customers)),
    constraint lists_are_disjoint check (rollouts.are_disjoint(whitelisted_customers, blacklisted_customers)),
    constraint gates_are_whole check (rollouts.are_gates(gates) and rollouts.are_gates(settled_gates)),
    constraint gates_are_no_looser check (rollouts.are_no_looser(gates, settled_gates)),
    constraint only_settling_loosens check (
        is_settled or version = 1 or tier <> previous_tier or attempt <> previous_attempt
        or (settled_dwell = previous_settled_dwell and settled_exposed = previous_settled_exposed)
    ),
    constraint tier_change_settles check (
        is_settled or rolled_back
        or case when version = 1 then tier = 0 else tier = previous_tier and attempt = previous_attempt end
    ),
    constraint all_but_rollbacks_name_their_commit check (revision is not null or kind = 'rollback'),
    constraint settling_names_its_commit check (not is_settled or revision is not null),
    constraint revision_is_a_commit check (
        revision ~ '\A([0-9a-f]{40}|[0-9a-f]{64})\Z' and coalesce(rollback_commit ~ '\A([0-9a-f]{40}|[0-9a-f]{64})\Z', true)
    ),
    constraint texts_are_short check (
        octet_length(description) <= 8192 and octet_length(owner) <= 800
        and octet_length(reason) between 1 and 2048 and octet_length(actor) between 1 and 256
    )
);
comment on table rollouts.rollout_transitions is 'every transition of every feature, oldest first; append-only';

-- One commit raises a feature once: a demotion that rewritten history takes back needs a new commit.
create unique index one_raise_a_commit on rollouts.rollout_transitions (feature_name, revision) where is_raise;

create function rollouts.link_transition() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    last rollouts.rollout_transitions;
    in_force text;
    stays boolean;
begin
    if num_nonnulls(new.at, new.clocked_at, new.epoch, new.epoch_started_at, new.settled_revision, new.rollout_id, new.rollback_id,
                    new.started_at, new.completed_at, new.recorded_by) > 0 then
        raise exception 'times, epochs and identities are the server''s'
            using errcode = 'check_violation', constraint = 'time_is_the_servers';
    end if;
    if new.revision is not null then
        select scope.revision into in_force from rollouts.rollout_scope scope for share;
        if new.revision is distinct from in_force then
            raise exception 'commit % is not the one in force, % is', new.revision, coalesce(in_force, 'none')
                using errcode = 'serialization_failure', constraint = 'superseded_revision';
        end if;
    end if;
    select * into last from only rollouts.rollout_transitions t
        where t.feature_name = new.feature_name order by t.version desc limit 1;
    if new.version is distinct from coalesce(last.version, 0) + 1 then
        raise exception '% is at version %, version % was decided on another', new.feature_name,
                coalesce(last.version, 0), new.version
            using errcode = 'serialization_failure', constraint = 'version_conflict';
    end if;
    if new.previous_version is null and last.version is not null then
        new.previous_version := last.version;
        new.previous_tier := last.tier;
        new.previous_target := last.target;
        new.previous_attempt := last.attempt;
        new.previous_rolled_back := last.rolled_back;
        new.previous_retired := last.retired;
        new.previous_at := last.at;
        new.previous_epoch := last.epoch;
        new.previous_epoch_started_at := last.epoch_started_at;
        new.previous_settled_revision := last.settled_revision;
        new.previous_settled_dwell := last.settled_dwell;
        new.previous_settled_exposed := last.settled_exposed;
    end if;
    stays := coalesce(new.tier = last.tier and new.attempt = last.attempt, false);
    -- Before the columns that are computed from them.
    if not (rollouts.are_gates(new.gates) and rollouts.are_gates(new.settled_gates)) then
        raise exception 'the gates of % are not whole, or out of range', new.feature_name
            using errcode = 'check_violation', constraint = 'gates_are_whole';
    end if;
    if stays and not new.is_settled and new.settled_gates is distinct from last.settled_gates then
        raise exception 'the gates of % were settled by another definition', new.feature_name
            using errcode = 'check_violation', constraint = 'only_settling_loosens',
                  hint = 'settle them with a definition that asks for the tier that is so';
    end if;
    new.clocked_at := rollouts.clock();
    new.at := greatest(new.clocked_at, last.at);
    new.epoch := case when stays then last.epoch else coalesce(last.epoch, 0) + 1 end;
    new.epoch_started_at := case when stays then last.epoch_started_at else new.at end;
    new.settled_revision := case when new.is_settled then coalesce(new.revision, '')
                                 when stays then last.settled_revision else '' end;
    new.rollout_id := coalesce(last.rollout_id, new.id);
    new.rollback_id := case when not new.rolled_back then null
                            when last.rolled_back and last.attempt = new.attempt then last.rollback_id
                            else new.id end;
    new.started_at := case when new.attempt = last.attempt and last.started_at is not null then last.started_at
                           when new.tier > 0 then new.at end;
    new.completed_at := case when new.tier <> new.target or new.rolled_back then null
                             when last.tier = last.target and last.target = new.target
                                 then coalesce(last.completed_at, new.at)
                             else new.at end;
    new.recorded_by := session_user;
    return new;
end
$$;

create trigger link before insert on rollouts.rollout_transitions
    for each row execute function rollouts.link_transition();
create trigger append_only before update or delete or truncate on rollouts.rollout_transitions
    for each statement execute function rollouts.refuse_rewrite();
alter table rollouts.rollout_transitions enable always trigger append_only;

grant select on rollouts.rollout_transitions to rollouts_reconciler, rollouts_reader;
grant insert (
    id, feature_name, version, kind, tier, target, attempt, rolled_back, retired, paused, description, owner,
    whitelisted_customers, blacklisted_customers, gates, settled_gates, is_settled, gate_dwell_seconds, verdict,
    revision, rollback_commit, reason, actor
) on rollouts.rollout_transitions to rollouts_reconciler;
-- A CHECK runs as whoever inserts.
grant execute on function
    rollouts.is_customer_list(text[]), rollouts.are_disjoint(text[], text[]), rollouts.are_gates(jsonb),
    rollouts.are_no_looser(jsonb, jsonb)
    to rollouts_reconciler;
