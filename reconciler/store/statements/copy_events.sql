-- Store events; the server adds the time of receipt.
copy rollouts.rollout_events (
    feature_name, customer_id, id, event, attempt, epoch, is_enabled, "timestamp", metadata
) from stdin
