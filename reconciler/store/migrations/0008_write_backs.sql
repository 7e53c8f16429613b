-- Every rollback that began here and has to be told to git: one row beside its transition, each impossible without the other.
-- How far the telling is may be said again and again: what git holds decides, and this only saves work.

set local role rollouts_owner;

create table rollouts.rollout_write_backs (
    rollback_id     uuid primary key references rollouts.rollout_transitions (id),
    -- what the writer says
    evidence        jsonb,                 -- the counts over the threshold; null: a person did it
    -- what follows from the transition
    feature_name    text collate "C" not null,
    attempt         integer not null,
    from_tier       smallint not null,
    rolled_back_at  timestamptz not null,
    in_force        text,                  -- the commit in force then: no commit that tells of this is older
    -- how far it is
    status          text not null default 'pending',
    revision        text,                  -- the commit that tells git
    branch          text,                  -- where it lies for a pull request, as the tip refused it
    refusals        integer not null default 0,
    note            text not null default '', -- why it is not in git yet
    next_try_at     timestamptz not null default rollouts.clock(),
    is_recorded     boolean not null default false, -- the event `rollback` is among the events
    constraint one_write_back_an_attempt unique (feature_name, attempt),
    constraint write_back_status check (status in ('pending', 'offered', 'written')),
    constraint written_names_its_commit check (
        coalesce(revision ~ '\A([0-9a-f]{40}|[0-9a-f]{64})\Z', status <> 'written')
    ),
    constraint offered_names_its_branch check (status <> 'offered' or coalesce(branch ~ '\Arefs/heads/', false)),
    constraint write_back_evidence check (
        jsonb_typeof(evidence) = 'object' and octet_length(evidence::text) <= 1024
    ),
    constraint write_back_texts check (
        refusals >= 0 and octet_length(note) <= 2048 and coalesce(octet_length(branch), 0) <= 1024
    )
);
comment on table rollouts.rollout_write_backs is 'rollbacks that git is told of, and how far that is; derived from rollout_transitions';

create index open_write_backs on rollouts.rollout_write_backs (next_try_at) where status <> 'written';

create function rollouts.link_write_back() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    cause rollouts.rollout_transitions;
begin
    select * into cause from only rollouts.rollout_transitions t where t.id = new.rollback_id;
    if cause.kind is distinct from 'rollback' or cause.rollback_commit is not null then
        raise exception '% is no rollback that git has to be told of', new.rollback_id
            using errcode = 'check_violation', constraint = 'write_back_follows_rollback';
    end if;
    new.feature_name := cause.feature_name;
    new.attempt := cause.attempt;
    new.from_tier := cause.previous_tier;
    new.rolled_back_at := cause.at;
    new.in_force := (select scope.revision from rollouts.rollout_scope scope);
    return new;
end
$$;

create function rollouts.keep_write_back() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    if (new.rollback_id, new.feature_name, new.attempt, new.from_tier, new.rolled_back_at, new.in_force, new.evidence)
        is distinct from
       (old.rollback_id, old.feature_name, old.attempt, old.from_tier, old.rolled_back_at, old.in_force, old.evidence)
    then
        raise exception 'what is told of % follows from its transition', old.rollback_id
            using errcode = 'check_violation', constraint = 'write_back_follows_rollback';
    end if;
    return new;
end
$$;

create trigger link before insert on rollouts.rollout_write_backs
    for each row execute function rollouts.link_write_back();
create trigger keep before update on rollouts.rollout_write_backs
    for each row execute function rollouts.keep_write_back();
create trigger stays before delete or truncate on rollouts.rollout_write_backs
    for each statement execute function rollouts.refuse_rewrite();
alter table rollouts.rollout_write_backs enable always trigger stays;

alter table rollouts.rollout_transitions
    -- git tells of an imported rollback already
    add column write_back_id uuid generated always as
        (case when kind = 'rollback' and rollback_commit is null then id end) stored;
insert into rollouts.rollout_write_backs (rollback_id)
    select t.write_back_id from rollouts.rollout_transitions t where t.write_back_id is not null;
alter table rollouts.rollout_transitions
    add constraint rollback_is_told foreign key (write_back_id) references rollouts.rollout_write_backs (rollback_id)
        deferrable initially deferred;

-- Who is in the way of a rollback: sessions that hold rows or whole tables of the rollouts in a transaction that has done
-- nothing for a second. They are ended, where this server lets the owner do so. Returns how many.
create function rollouts.end_idle_blockers() returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    blocker record;
    ended integer := 0;
begin
    for blocker in
        select distinct a.pid from pg_stat_activity a join pg_locks l on l.pid = a.pid
        where l.database = (select d.oid from pg_database d where d.datname = current_database())
            and (
                l.mode not in ('AccessShareLock', 'SIReadLock', 'ShareUpdateExclusiveLock') and l.relation in (
                    'rollouts.feature_rollouts'::regclass, 'rollouts.rollout_transitions'::regclass,
                    'rollouts.rollout_write_backs'::regclass
                )
                or l.mode = 'AccessExclusiveLock' and l.relation in (
                    select c.oid from pg_class c where c.relnamespace = 'rollouts'::regnamespace
                )
            )
            -- Between the statements of a transaction that goes on everybody is idle for a moment.
            and a.state like 'idle in transaction%' and a.state_change < clock_timestamp() - interval '1 second'
    loop
        begin
            ended := ended + pg_terminate_backend(blocker.pid)::integer;
        exception
            when insufficient_privilege then null; -- a superuser's, or an administrator granted no pg_signal_backend
        end;
    end loop;
    return ended;
end
$$;

-- As before, but that no standby is waited for: whoever announces holds a lock of the whole database until its commit is over,
-- so that a standby that is gone would keep every rollback waiting. Git remembers what a lost commit of ours said.
create or replace function rollouts.announce_transition() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('synchronous_commit', 'local', true);
    perform pg_notify('rollouts', new.feature_name);
    return null;
end
$$;

grant select on rollouts.rollout_write_backs to rollouts_reconciler, rollouts_reader;
grant insert (rollback_id, evidence) on rollouts.rollout_write_backs to rollouts_reconciler;
grant update (status, revision, branch, refusals, note, next_try_at, is_recorded) on rollouts.rollout_write_backs
    to rollouts_reconciler;
grant execute on function rollouts.end_idle_blockers() to rollouts_reconciler;

reset role;
-- To end a session, and to see that it does nothing.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['pg_signal_backend', 'pg_read_all_stats'] loop
        begin
            execute format('grant %I to rollouts_owner', wanted);
        exception
            when unique_violation then null; -- another database of this server was first
            when insufficient_privilege then null; -- an administrator may grant it; without it such sessions stay
        end;
    end loop;
end
$$;
