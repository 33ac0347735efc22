-- Which agents belong to this hub, by which key, and what was ever certified.

create table enrolment (
    agent text primary key,
    site text not null,
    key_id text not null,                 -- of the agent's public key; the key itself stays there
    nonce text not null,                  -- its broker password comes from this and the hub's secret
    enrolled_at timestamptz not null default now(),
    enrolled_from text not null,          -- network address
    renewed_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);

-- One token lets one agent in, once. The token itself is known to whom it was shown.
create table enrolment_token (
    id text primary key,
    secret_hash bytea not null,           -- sha256 of 256 random bits
    agent text not null,
    site text not null,
    made_by text not null,
    made_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_by_key text                      -- the one key it has let in
);
create index enrolment_token_agent on enrolment_token (agent);

create table certificate (
    serial text primary key,              -- hex
    agent text not null,
    key_id text not null,
    issued_at timestamptz not null default now(),
    not_after timestamptz not null,
    revoked_at timestamptz
);
create index certificate_agent on certificate (agent);

-- What ends the names of the hub's MQTT sessions, so that no agent can guess and take them.
create table session_suffix (
    suffix text not null default left(replace(gen_random_uuid()::text, '-', ''), 15)
);
insert into session_suffix default values;
