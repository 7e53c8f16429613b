-- Who gets a feature, in SQL: the same answer as the Python evaluator's, for any language with a database connection.

set local role rollouts_owner;

-- (one * other) modulo 2^32; the product itself would not fit.
create function rollouts.times_32(one bigint, other bigint) returns bigint
language sql immutable parallel safe -- without settings and strictness PostgreSQL puts the expression in its place
return ((one & 65535) * other + ((((one >> 16) * other) & 65535) << 16)) & 4294967295;

create function rollouts.rotate_32(word bigint, bits integer) returns bigint
language sql immutable parallel safe -- without settings and strictness PostgreSQL puts the expression in its place
return ((word << bits) | (word >> (32 - bits))) & 4294967295;

-- MurmurHash3_x86_32 with seed 0, unsigned (Austin Appleby, public domain).
create function rollouts.murmur3_32(content bytea) returns bigint
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    size constant integer := octet_length(content);
    hash bigint := 0;
    word bigint;
begin
    for at in 0 .. size / 4 - 1 loop
        -- Operators of bits all bind alike, from left to right.
        word := get_byte(content, 4 * at)::bigint
              | (get_byte(content, 4 * at + 1)::bigint << 8)
              | (get_byte(content, 4 * at + 2)::bigint << 16)
              | (get_byte(content, 4 * at + 3)::bigint << 24);
        word := rollouts.times_32(rollouts.rotate_32(rollouts.times_32(word, 3432918353), 15), 461845907);
        hash := (5 * rollouts.rotate_32(hash # word, 13) + 3864292196) & 4294967295;
    end loop;
    word := 0;
    for at in reverse size - 1 .. size - size % 4 loop
        word := (word << 8) | get_byte(content, at);
    end loop;
    hash := hash # rollouts.times_32(rollouts.rotate_32(rollouts.times_32(word, 3432918353), 15), 461845907) # size;
    hash := rollouts.times_32(hash # (hash >> 16), 2246822507);
    hash := rollouts.times_32(hash # (hash >> 13), 3266489909);
    return hash # (hash >> 16);
end
$$;

-- A text as canonical CBOR (RFC 8949, section 4.2): its head and its UTF-8 bytes.
create function rollouts.cbor_text(content text) returns bytea
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
    encoded constant bytea := convert_to(content, 'UTF8');
    size constant integer := octet_length(encoded);
begin
    return case
        when size < 24 then substring(int4send(96 + size) from 4)
        when size < 256 then '\x78'::bytea || substring(int4send(size) from 4)
        when size < 65536 then '\x79'::bytea || substring(int4send(size) from 3)
        else '\x7a'::bytea || int4send(size)
    end || encoded;
end
$$;

-- The stable place of a customer for a feature, 0..99.
create function rollouts.rollout_bucket(feature text, customer text) returns integer
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
return rollouts.murmur3_32('\x82'::bytea || rollouts.cbor_text(feature) || rollouts.cbor_text(customer)) * 100 >> 32;

-- Does this customer have this feature? `otherwise` where nobody knows the feature.
create function rollouts.rollout_enabled(feature text, customer text, otherwise boolean default false) returns boolean
language sql stable parallel safe set search_path = pg_catalog, pg_temp
return coalesce(
    (
        select case
            when customer = any(rollout.blacklisted_customers) then false
            when rollout.rolled_back then false
            when customer = any(rollout.whitelisted_customers) then true
            else rollouts.rollout_bucket(feature, customer) < rollout.percentage
        end
        from rollouts.feature_rollouts rollout
        where rollout.feature_name = feature collate "C"
    ),
    otherwise
);

grant execute on function
    rollouts.times_32(bigint, bigint), rollouts.rotate_32(bigint, integer), rollouts.murmur3_32(bytea),
    rollouts.cbor_text(text), rollouts.rollout_bucket(text, text), rollouts.rollout_enabled(text, text, boolean)
    to rollouts_reconciler, rollouts_application, rollouts_reader;
