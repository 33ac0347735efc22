-- Who may come in, and who is in.

create table person (
    id int generated always as identity primary key,
    name text not null unique check (name ~ '^[a-z0-9][a-z0-9_.@-]{0,62}$'),
    role text not null check (
        role in ('viewer', 'operator', 'trader', 'auditor', 'regulator', 'admin')
    ),
    password_hash text not null,          -- argon2id with its parameters
    is_disabled boolean not null default false,
    created_at timestamptz not null default now(),
    password_at timestamptz not null default now()
);

-- The token itself is known to the browser only.
create table session (
    token_hash bytea primary key,         -- sha256
    person_id int not null references person on delete cascade,
    opened_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),  -- written at most once a minute
    address text not null
);
create index session_person on session (person_id);
