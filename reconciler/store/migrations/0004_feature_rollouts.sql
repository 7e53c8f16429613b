-- What is so now: one row a feature, derived from the last row of its chain and written by nothing else.

set local role rollouts_owner;

create function rollouts.tier_name(tier smallint) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return (array['tier_0_disabled', 'tier_1_internal', 'tier_2_early_adopters', 'tier_3_general', 'tier_4_full'])[tier + 1];

create table rollouts.feature_rollouts (
    id                       uuid primary key,       -- the id of the chain's first row
    feature_name             text collate "C" not null unique,
    current_tier             text not null,          -- tier_0_disabled … tier_4_full
    target_tier              text not null,
    percentage               integer not null,       -- 0, 1, 10, 50, 100: follows from the tier
    status                   text not null,          -- rolled_back retired paused completed planned in_progress
    whitelisted_customers    text[] not null,        -- always in, but for a rollback
    blacklisted_customers    text[] not null,        -- always out
    rollback_threshold       jsonb not null,         -- {"errorRate": 0..1, "timeWindow": milliseconds}
    started_at               timestamptz,            -- when this attempt first left tier 0
    completed_at             timestamptz,            -- since when the tier is the target
    -- beside the columns of the older system:
    version                  integer not null,       -- counts the rows of the chain
    tier                     smallint not null,
    target                   smallint not null,
    attempt                  integer not null,       -- one climb of the ladder; a restart begins the next
    rolled_back              boolean not null,
    rollback_id              uuid,                   -- the transition that rolled this attempt back
    retired                  boolean not null,       -- its file is gone from git
    paused                   boolean not null,
    epoch                    integer not null,       -- one uninterrupted stay at a tier
    epoch_started_at         timestamptz not null,   -- the dwell counts from here
    description              text not null,
    owner                    text not null,
    gates                    jsonb not null,         -- dwell and thresholds in force
    settled_gates            jsonb not null,         -- those that a raise can't loosen
    settled_revision         text not null,          -- the commit that settled them; '' when none has
    revision                 text,                   -- the commit of the last transition; null: evidence or a person
    updated_at               timestamptz not null,   -- time of the last transition
    constraint follows_from_the_chain foreign key (feature_name, version)
        references rollouts.rollout_transitions (feature_name, version)
);
comment on table rollouts.feature_rollouts is 'the last row of each chain, in the shape that applications read; derived';

create function rollouts.status(rolled_back boolean, retired boolean, paused boolean, tier smallint, target smallint)
returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
return case
    when rolled_back then 'rolled_back'
    when retired then 'retired'
    when paused then 'paused'
    when tier = target then 'completed'
    when tier = 0 then 'planned'
    else 'in_progress'
end;

create function rollouts.derived(t rollouts.rollout_transitions) returns rollouts.feature_rollouts
language sql stable set search_path = pg_catalog, pg_temp
return row(
    t.rollout_id, t.feature_name, rollouts.tier_name(t.tier), rollouts.tier_name(t.target), t.percentage,
    rollouts.status(t.rolled_back, t.retired, t.paused, t.tier, t.target),
    t.whitelisted_customers, t.blacklisted_customers,
    jsonb_build_object(
        'errorRate', t.gates #> '{thresholds,error_rate}',
        'timeWindow', (t.gates #>> '{thresholds,window}')::bigint * 1000
    ),
    t.started_at, t.completed_at, t.version, t.tier, t.target, t.attempt, t.rolled_back, t.rollback_id, t.retired,
    t.paused, t.epoch, t.epoch_started_at, t.description, t.owner, t.gates, t.settled_gates, t.settled_revision,
    t.revision, t.at
)::rollouts.feature_rollouts;

create function rollouts.derive_rollout() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    now_so rollouts.feature_rollouts := rollouts.derived(new);
begin
    if new.version = 1 then
        insert into rollouts.feature_rollouts values (now_so.*);
        return null;
    end if;
    update rollouts.feature_rollouts f set
        current_tier = now_so.current_tier, target_tier = now_so.target_tier, percentage = now_so.percentage,
        status = now_so.status, whitelisted_customers = now_so.whitelisted_customers,
        blacklisted_customers = now_so.blacklisted_customers, rollback_threshold = now_so.rollback_threshold,
        started_at = now_so.started_at, completed_at = now_so.completed_at, version = now_so.version,
        tier = now_so.tier, target = now_so.target, attempt = now_so.attempt, rolled_back = now_so.rolled_back,
        rollback_id = now_so.rollback_id, retired = now_so.retired, paused = now_so.paused, epoch = now_so.epoch,
        epoch_started_at = now_so.epoch_started_at, description = now_so.description, owner = now_so.owner,
        gates = now_so.gates, settled_gates = now_so.settled_gates, settled_revision = now_so.settled_revision,
        revision = now_so.revision, updated_at = now_so.updated_at
    where f.feature_name = new.feature_name;
    return null;
end
$$;

create function rollouts.guard_rollout() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    last rollouts.rollout_transitions;
begin
    select * into last from only rollouts.rollout_transitions t
        where t.feature_name = new.feature_name order by t.version desc limit 1;
    if new is distinct from rollouts.derived(last) then
        raise exception 'feature_rollouts follows from rollout_transitions; % says otherwise', new.feature_name
            using errcode = 'check_violation', constraint = 'derived_from_history',
                  hint = 'change the definition in git and apply it';
    end if;
    return new;
end
$$;

create trigger derive after insert on rollouts.rollout_transitions
    for each row execute function rollouts.derive_rollout();
create trigger guard before insert or update on rollouts.feature_rollouts
    for each row execute function rollouts.guard_rollout();
create trigger stays before delete or truncate on rollouts.feature_rollouts
    for each statement execute function rollouts.refuse_rewrite();
alter table rollouts.feature_rollouts enable always trigger stays;

-- Which files are in force whole: an equal key at the same version means that there is nothing to read or to do.
-- A row that is missing or out of date costs one more reading of the file; the key of a file never applied would keep
-- that file from being read, which can delay a lowering and never raise.
create table rollouts.settled_sources (
    feature_name   text collate "C" primary key,
    version        integer not null,
    source_key     text not null constraint source_key_is_a_digest check (source_key ~ '\A[0-9a-f]{40}\Z')
);
comment on table rollouts.settled_sources is 'the key of each file that is in force whole, at the version of the chain where it is';

grant select on rollouts.feature_rollouts to rollouts_reconciler, rollouts_application, rollouts_reader;
grant select, insert, update, delete on rollouts.settled_sources to rollouts_reconciler;
grant select on rollouts.settled_sources to rollouts_reader;
