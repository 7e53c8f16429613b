-- Which commit is in force: an append-only log, and one row derived from it that writers of transitions share-lock.
-- A transition that names a commit is refused unless that commit is the one in force: a job that decided on an
-- older revision, however late it wakes, changes nothing.

set local role rollouts_owner;

-- Nobody calls a function of ours without a grant: a trigger function that runs as the owner could be hung on anyone's
-- temporary table, and hold the lock that every writer waits for.
alter default privileges revoke execute on functions from public;

-- The one clock of the schema. now() is the start of the transaction: a session opened early would cheat the dwell.
create function rollouts.clock() returns timestamptz
language sql volatile
return clock_timestamp();

create table rollouts.rollout_revisions (
    number            integer primary key,
    previous_number   integer not null,
    root              text not null,
    revision          text not null,
    kind              text not null,
    reason            text,                 -- why history was reanchored
    unsafe_reason     text,                 -- why the guard was overridden
    looks_back        boolean not null default false, -- rollbacks that git tells of behind it are not all in force
    actor             text not null,        -- the person or job that says so
    recorded_by       text not null,        -- the login role that wrote it
    at                timestamptz not null,
    constraint revision_follows check (previous_number = number - 1),
    constraint revision_is_a_commit check (revision ~ '\A([0-9a-f]{40}|[0-9a-f]{64})\Z'),
    constraint revision_kind check (kind in ('apply', 'reanchor')),
    constraint reanchor_needs_reason check (kind = 'apply' or coalesce(reason ~ '\S', false)),
    constraint unsafe_needs_reason check (unsafe_reason ~ '\S'),
    constraint revision_texts check (
        octet_length(root) between 1 and 1024 and octet_length(actor) between 1 and 256
        and coalesce(octet_length(reason), 0) <= 2048 and coalesce(octet_length(unsafe_reason), 0) <= 2048
    )
);
comment on table rollouts.rollout_revisions is 'every commit that was taken into force, oldest first; append-only';

create table rollouts.rollout_scope (
    only_row   boolean primary key default true constraint scope_is_one_row check (only_row),
    number     integer not null,
    root       text,
    revision   text
);
comment on table rollouts.rollout_scope is 'the last row of rollout_revisions: the root this database serves and the commit in force';
insert into rollouts.rollout_scope (number) values (0);

create function rollouts.refuse_rewrite() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% on %: history is append-only', lower(tg_op), tg_table_name
        using errcode = 'restrict_violation', constraint = 'history_is_append_only',
              hint = 'state what is so now as a new transition';
end
$$;

create function rollouts.link_revision() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    scope rollouts.rollout_scope;
begin
    if new.at is not null or new.number is not null then
        raise exception 'number and time are the server''s' using errcode = 'check_violation', constraint = 'time_is_the_servers';
    end if;
    select * into scope from rollouts.rollout_scope for update;
    if new.previous_number is distinct from scope.number then
        raise exception 'revision % was decided on number %, the last is %', new.revision, new.previous_number, scope.number
            using errcode = 'serialization_failure', constraint = 'revision_conflict';
    end if;
    if new.root is distinct from coalesce(scope.root, new.root) then
        raise exception 'this database serves the root %, not %', scope.root, new.root
            using errcode = 'check_violation', constraint = 'one_root';
    end if;
    new.number := scope.number + 1;
    new.at := greatest(
        rollouts.clock(), (select r.at from only rollouts.rollout_revisions r where r.number = scope.number)
    );
    new.recorded_by := session_user;
    return new;
end
$$;

create function rollouts.derive_scope() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    update rollouts.rollout_scope set number = new.number, root = new.root, revision = new.revision;
    return null;
end
$$;

create function rollouts.guard_scope() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (
        select from only rollouts.rollout_revisions r
        where r.number = new.number and r.root = new.root and r.revision = new.revision
          and r.number = (select max(number) from only rollouts.rollout_revisions)
    ) then
        raise exception 'rollout_scope follows from rollout_revisions'
            using errcode = 'check_violation', constraint = 'derived_from_history';
    end if;
    return new;
end
$$;

create trigger link before insert on rollouts.rollout_revisions for each row execute function rollouts.link_revision();
create trigger derive after insert on rollouts.rollout_revisions for each row execute function rollouts.derive_scope();
create trigger guard before insert or update on rollouts.rollout_scope for each row execute function rollouts.guard_scope();
create trigger append_only before update or delete or truncate on rollouts.rollout_revisions
    for each statement execute function rollouts.refuse_rewrite();
create trigger stays before delete or truncate on rollouts.rollout_scope
    for each statement execute function rollouts.refuse_rewrite();
alter table rollouts.rollout_revisions enable always trigger append_only;
alter table rollouts.rollout_scope enable always trigger stays;

grant select on rollouts.rollout_revisions, rollouts.rollout_scope to rollouts_reconciler, rollouts_reader;
grant insert (previous_number, root, revision, kind, reason, unsafe_reason, looks_back, actor) on rollouts.rollout_revisions
    to rollouts_reconciler;
grant execute on function rollouts.clock() to rollouts_reconciler, rollouts_reader;
