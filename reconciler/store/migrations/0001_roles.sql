-- The four roles of the product. Nobody logs in as one of them: grant them to login roles.
--   rollouts_owner        owns every object; migrations only
--   rollouts_reconciler   writes transitions through the guarded chain; never updates or deletes one
--   rollouts_application  reads rollouts
--   rollouts_reader       reads rollouts and their history

do $$
declare
    wanted text;
    become text;
begin
    foreach wanted in array array['rollouts_owner', 'rollouts_reconciler', 'rollouts_application', 'rollouts_reader'] loop
        if not exists (select from pg_roles where rolname = wanted) then
            begin
                execute format('create role %I nologin', wanted);
            exception
                when duplicate_object or unique_violation then null; -- another database of this server was first
                when insufficient_privilege then
                    raise exception 'the role % is missing and % may not create it', wanted, current_user
                        using hint = 'have an administrator create rollouts_owner, rollouts_reconciler, '
                                     'rollouts_application and rollouts_reader as NOLOGIN roles';
            end;
        end if;
    end loop;
    -- From 16 on, who creates a role is its member and still may not become it.
    become := case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end;
    if not pg_has_role(current_user, 'rollouts_owner', become) then
        begin
            execute format('grant rollouts_owner to %I', current_user);
        exception
            when unique_violation then null;
            when insufficient_privilege then
                raise exception '% is no member of rollouts_owner and may not become one', current_user
                    using hint = format('have an administrator run: grant rollouts_owner to %I', current_user);
        end;
    end if;
    execute 'alter schema rollouts owner to rollouts_owner';
end
$$;

grant usage on schema rollouts to rollouts_reconciler, rollouts_application, rollouts_reader;
-- Whoever is granted rollouts_owner may migrate, not only the login that was first.
grant select, insert on rollouts.schema_migrations to rollouts_owner;
-- Every command first looks whether the schema is the one it works with.
grant select on rollouts.schema_migrations to rollouts_reconciler, rollouts_application, rollouts_reader;
