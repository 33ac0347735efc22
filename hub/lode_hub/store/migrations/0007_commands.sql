-- Commands: what people ask of sites, what is sent, and what the sites say became of it.

-- Where a person may act; null: everywhere.
alter table person add column sites text[];

-- Rigs that nobody but a person at the rack shall touch.
create table device_maintenance (
    device_id int primary key references device,
    person text not null,
    at timestamptz not null default now(),
    note text not null
);

-- What can be asked of a device, as its agent said last.
create table device_controls (
    device_id int primary key references device,
    offers text[] not null,               -- action names
    presets text[] not null,
    power_min_w real,
    power_max_w real,
    starts_left int,                      -- today; null: not limited
    feeder text not null,                 -- the meter its power goes through
    outlet text not null,
    blocked text not null,                -- why nothing can be asked of it
    at timestamptz not null,
    source_id int not null,               -- the batch that said so; the latest wins
    seq bigint not null
);

-- A selection of rigs, shown before anything is done, and then begun or not.
create table curtailment (
    id text primary key,
    site_id int not null references site,
    person text not null,                 -- who looked
    made_at timestamptz not null default now(),
    asked jsonb not null,
    chosen jsonb not null,                -- every rig of the site: taken, or skipped and why
    started_by text,
    started_at timestamptz
);
create index curtailment_made on curtailment (made_at);

create table command (
    number bigint generated always as identity,  -- the order they are sent in; new if approved
    id text primary key,
    agent_id int not null references agent,
    site_id int not null references site,
    device_id int references device,      -- null when it is for the site
    target text not null,                 -- the device's name, empty for the site
    curtailment_id text references curtailment,
    lease text,                           -- the command whose lease this one releases
    actor text not null,
    action text not null,
    about text not null default '',       -- what it is about: a later one about the same counts
    asked jsonb not null,                 -- the order as people may see it: without passwords
    body bytea,                           -- the order as it is signed, until the agent has it
    sealed bytea,                         -- the signed command as it is sent, until then too
    sequence bigint,
    reseals smallint not null default 0,  -- how often it was given another sequence
    valid_s real not null,
    stage text not null check (stage in (
        'proposed', 'declined', 'queued', 'dispatched',
        'accepted', 'sent', 'acknowledged', 'effective', 'released',
        'refused', 'failed', 'expired', 'drifted'
    )),
    reason text not null default '',
    counts jsonb not null default '{}',   -- its devices by stage
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    dispatched_at timestamptz,            -- first sent
    answered_at timestamptz,              -- the agent's first word, by the hub's clock
    ended_at timestamptz,                 -- when it came to its present final stage
    -- What the agent last said of the whole, and in which record: (source, seq, place in the batch).
    said_stage text,
    said_reason text not null default '',
    said_source_id int,
    said_seq bigint,
    said_place int
);
create index command_unanswered on command (agent_id, number) where stage in ('queued', 'dispatched');
create index command_open on command (site_id) where ended_at is null;
create index command_number on command (number);
create index command_site on command (site_id, number);
create index command_device_number on command (device_id, number) where device_id is not null;
create index command_actor on command (actor, created_at);
create index command_about on command (agent_id, about, number) where about <> '';
create index command_lease on command (lease) where lease is not null;
create index command_curtailment on command (curtailment_id) where curtailment_id is not null;

-- The highest sequence given to an agent. It follows the clock, so that a restored database does
-- not give numbers that the agent has already seen.
create table command_sequence (
    agent_id int primary key references agent,
    last bigint not null
);

-- Each device of a command: how far it has come, and what proves it.
create table command_device (
    command_id text not null references command on delete cascade,
    target text not null,
    place int not null,                   -- in the order in which they are taken
    wish text not null default '',        -- the action asked of it; empty: only its agent knows
    device_id int references device,
    stage text,                           -- null: not yet heard of
    reason text not null default '',
    expected_w real,
    power_before_w real,
    power_after_w real,
    power_source text not null default '',
    read_back text not null default '',
    changes jsonb not null default '[]',
    said text not null default '',
    answer jsonb,
    entry bigint not null default 0,      -- in the agent's journal
    at timestamptz,                       -- by the agent's clock
    source_id int,                        -- which record said so: the latest wins
    seq bigint,
    said_place int,
    primary key (command_id, target)
);
create index command_device_device on command_device (device_id);

-- Every state that an agent told of, appended and never changed; also of commands that this
-- database does not know, because it was restored or somebody forged them.
create table command_step (
    id bigint generated always as identity primary key,
    command_id text not null,
    agent_id int not null references agent,
    source_id int not null references source,
    seq bigint not null,
    place int not null,
    at timestamptz not null,              -- by the agent's clock
    received_at timestamptz not null default now(),
    sequence bigint not null,
    entry bigint not null,
    stage text not null,
    reason text not null,
    target text not null,
    is_ours boolean not null,             -- of a command that this database knew then
    evidence jsonb not null
);
create index command_step_strange on command_step (id)
    where not is_ours and not starts_with(command_id, 'local:');
create index command_step_local on command_step (id)
    where not is_ours and starts_with(command_id, 'local:');
create unique index command_step_entry on command_step (source_id, command_id, entry, target)
    where entry > 0;
create index command_step_command on command_step (command_id, id);

-- What people said to a proposal; nobody says anything twice.
create table command_approval (
    command_id text not null references command on delete cascade,
    person text not null,
    decision text not null check (decision in ('proposed', 'approved', 'declined')),
    at timestamptz not null default now(),
    primary key (command_id, person)
);

-- Requests that were done, so that the same one sent again is done once.
create table command_request (
    person text not null,
    key text not null,
    digest bytea not null,
    commands text[] not null,
    at timestamptz not null default now(),
    primary key (person, key)
);

-- What is to be told to the alerts; a row leaves when they have taken it.
create table command_finding (
    id bigint generated always as identity primary key,
    rule text not null,
    subject text not null,
    is_active boolean not null,
    severity text not null,
    at_ms bigint not null,
    title text not null,
    likely_cause text not null,
    evidence jsonb not null
);
