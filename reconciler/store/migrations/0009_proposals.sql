-- What is asked for by a branch of ours: one rung more for a feature, one row each. Nothing is raised by it: a person merges
-- the branch or doesn't. The row says which commits on the branch are ours, and is written before they are pushed.

set local role rollouts_owner;

create table rollouts.rollout_proposals (
    feature_name  text collate "C" primary key,
    version       integer not null default 1, -- counts the writes; what concurrent writers compare
    branch        text not null,
    attempt       integer not null,           -- together with the epoch: the stay at a tier that it is about
    epoch         integer not null,
    tier          smallint not null,          -- the one that is asked for
    -- what makes the commit, the same everywhere
    base          text not null,              -- the commit that it is built on
    path          text not null,
    blob          text not null,              -- the git id of the file's content there
    proposed_at   timestamptz not null,
    message       text not null,
    commits       text[] not null,            -- ours: all that may lie on the branch, the newest last
    -- how far it is
    status        text not null,
    is_settled    boolean not null,           -- over, and the branch needs no look any more
    refusals      integer not null,
    note          text not null,              -- why it was withdrawn, or what the remote said
    waits_until   timestamptz,                -- not tried again, or not proposed again, before
    changed_at    timestamptz not null default rollouts.clock(),
    constraint proposal_names_its_feature check (feature_name ~ '\A[a-z][a-z0-9_-]{0,62}\Z'),
    constraint proposal_names_its_branch check (branch ~ '\Arefs/heads/propose/' and octet_length(branch) <= 1024),
    -- The first strangers are for a person to ask for.
    constraint proposal_asks_for_a_raise check (tier between 2 and 4 and attempt >= 1 and epoch >= 1),
    constraint proposal_names_its_commits check (
        cardinality(commits) between 1 and 32
        and array_to_string(commits || base || blob, ' ', '-') ~ '\A(([0-9a-f]{40}|[0-9a-f]{64})( |\Z))+\Z'
    ),
    constraint proposal_status check (
        status in ('opening', 'open', 'withdrawn', 'declined', 'touched', 'merged')
        and not (is_settled and status in ('opening', 'open'))
    ),
    constraint proposal_texts check (
        version >= 1 and refusals >= 0 and octet_length(path) between 1 and 4096
        and octet_length(message) between 1 and 8192 and octet_length(note) <= 2048
    )
);
comment on table rollouts.rollout_proposals is 'what is asked for by a branch, for one rung more of a feature each, and how far that is';

create index unsettled_proposals on rollouts.rollout_proposals (feature_name) where not is_settled;

grant select on rollouts.rollout_proposals to rollouts_reconciler, rollouts_reader;
grant insert, update on rollouts.rollout_proposals to rollouts_reconciler;

reset role;
