"""The rules that the migrations make, by name: what has to be there, and switched on, for the others to hold."""

from __future__ import annotations

from collections.abc import Mapping

_CONSTRAINTS: Mapping[str, str] = {
    "event_batches": "event_batches_pkey",
    "event_claims": "event_claims_pkey",
    "feature_rollouts": "feature_rollouts_feature_name_key feature_rollouts_pkey follows_from_the_chain",
    "rollout_customers": "rollout_customers_pkey",
    "rollout_events": (
        "event_is_known event_metadata_is_small event_names_its_customer event_names_its_epoch "
        "event_names_its_feature event_says_what_was_on rollout_events_pkey"
    ),
    "rollout_proposals": (
        "proposal_asks_for_a_raise proposal_names_its_branch proposal_names_its_commits "
        "proposal_names_its_feature proposal_status proposal_texts rollout_proposals_pkey"
    ),
    "rollout_revisions": (
        "reanchor_needs_reason revision_follows revision_is_a_commit revision_kind revision_texts "
        "rollout_revisions_pkey unsafe_needs_reason"
    ),
    "rollout_scope": "rollout_scope_pkey scope_is_one_row",
    "rollout_transitions": (
        "all_but_rollbacks_name_their_commit attempt_follows attempt_is_in_range blacklist_is_a_list "
        "chain_key demotion_goes_down dwell_is_served epoch_is_one_stay evidence_is_there "
        "feature_name_is_valid follows_directly follows_predecessor gates_are_no_looser gates_are_whole "
        "has_whole_predecessor kind_is_known lists_are_disjoint no_skip one_raise_a_commit one_row_a_version "
        "only_a_retirement_retires only_a_rollback_rolls_back only_settling_loosens only_the_first_creates "
        "promotion_is_one_rung raise_is_not_paused raise_needs_another_commit restart_follows_rollback "
        "retirement_is_finished returns_no_higher revision_is_a_commit rollback_is_told rollback_is_total "
        "rollback_retires_nothing rolled_back_is_off rolled_back_stays_off rollout_transitions_pkey "
        "settling_names_its_commit starts_low texts_are_short tier_change_settles tier_is_on_the_ladder "
        "time_never_falls update_keeps_the_tier verdict_is_known whitelist_is_a_list"
    ),
    "rollout_write_backs": (
        "offered_names_its_branch one_write_back_an_attempt rollout_write_backs_pkey "
        "rollout_write_backs_rollback_id_fkey write_back_evidence write_back_status write_back_texts "
        "written_names_its_commit"
    ),
    "schema_migrations": "schema_migrations_pkey",
    "settled_sources": "settled_sources_pkey source_key_is_a_digest",
    "tally_progress": "progress_is_one_row tally_progress_pkey",
}
"""Constraints, and unique indexes of no constraint, of each table."""

_TRIGGERS = (
    "feature_rollouts.guard: guard_rollout",
    "feature_rollouts.stays: refuse_rewrite, always",
    "rollout_revisions.append_only: refuse_rewrite, always",
    "rollout_revisions.derive: derive_scope",
    "rollout_revisions.link: link_revision",
    "rollout_scope.guard: guard_scope",
    "rollout_scope.stays: refuse_rewrite, always",
    "rollout_transitions.announce: announce_transition",
    "rollout_transitions.append_only: refuse_rewrite, always",
    "rollout_transitions.derive: derive_rollout",
    "rollout_transitions.link: link_transition",
    "rollout_write_backs.keep: keep_write_back",
    "rollout_write_backs.link: link_write_back",
    "rollout_write_backs.stays: refuse_rewrite, always",
)
"""Triggers by table and name, what they run, and whether that is so for whoever replicates as well."""

RULES = frozenset(
    (*(f"{table}.{name}" for table, names in _CONSTRAINTS.items() for name in names.split()), *_TRIGGERS)
)
"""Everything that `audit_rules` finds in a database whose schema nobody has touched."""
