"""What a rollout is and may do: pure values and rules, time as an argument, no input or output."""
