-- The remembered keys of the named features, of all for null.
select source.feature_name, source.version, source.source_key
from only rollouts.settled_sources source
where %(features)s::text[] is null
    or source.feature_name = any(%(features)s::text[])
