-- Forget the customers of epochs that ended before a moment.
select rollouts.forget_epochs(%(before)s) as forgotten
