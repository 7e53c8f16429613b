"""The only room that speaks YAML and JSON Schema: files in, definitions and problems out."""
