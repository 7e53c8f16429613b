-- Forget the claims of batches and events that no sender comes back with.
select rollouts.forget_claims() as forgotten
