"""Plans, outcomes and statuses as text, Markdown and JSON; pure: values and a style in, strings out."""
