-- The rules that the schema keeps now: constraints that hold, unique indexes of no constraint, and triggers that fire.
-- What is there and switched off, or not enforced (as PostgreSQL 18 may have it), is no rule.
select format('%%s.%%s', relation.relname, rule.conname) as rule
from pg_constraint rule
join pg_class relation on relation.oid = rule.conrelid
where rule.connamespace = 'rollouts'::regnamespace
    and rule.contype <> 'n'
    and not relation.relispartition
    and rule.convalidated
    and coalesce((to_jsonb(rule) ->> 'conenforced')::boolean, true)
    and not exists (
        select from pg_trigger keeps
        where keeps.tgconstraint = rule.oid
            and keeps.tgenabled not in ('O', 'A')
    )
union all
select format('%%s.%%s', of_table.relname, relation.relname)
from pg_index unique_index
join pg_class relation on relation.oid = unique_index.indexrelid
join pg_class of_table on of_table.oid = unique_index.indrelid
where relation.relnamespace = 'rollouts'::regnamespace
    and unique_index.indisunique
    and unique_index.indisvalid
    and not of_table.relispartition
    and not exists (select from pg_constraint rule where rule.conindid = relation.oid)
union all
select format(
    '%%s.%%s: %%s%%s', relation.relname, fires.tgname, runs.proname,
    case fires.tgenabled when 'A' then ', always' else '' end
)
from pg_trigger fires
join pg_class relation on relation.oid = fires.tgrelid
join pg_proc runs on runs.oid = fires.tgfoid
where relation.relnamespace = 'rollouts'::regnamespace
    and not relation.relispartition
    and not fires.tgisinternal
    and fires.tgenabled in ('O', 'A')
order by 1
