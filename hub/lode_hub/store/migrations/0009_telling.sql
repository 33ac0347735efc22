-- Who is told, how, when, and what becomes of it.

-- One way to tell one person: an address, and what goes there.
create table way (
    id int generated always as identity primary key,
    person_id int not null references person on delete cascade,
    kind text not null check (kind in ('mail', 'sms', 'telegram', 'webhook')),
    address text not null,
    min_severity text not null default 'warning'
        check (min_severity in ('info', 'warning', 'critical')),
    is_on_call_only boolean not null default false,
    is_resolved_told boolean not null default true,
    unique (person_id, kind, address)
);

-- When a person wants to be left alone, and what they want together; without a row: never, nothing.
create table habit (
    person_id int primary key references person on delete cascade,
    time_zone text not null default 'UTC',
    quiet_from time,                      -- local; both null: no quiet hours
    quiet_until time,                     -- earlier than its begin: of the next day
    is_critical_through boolean not null default true,
    digest text not null default 'none' check (digest in ('none', 'hourly', 'daily')),
    digest_at time not null default '08:00',   -- local, of a daily one
    digest_max text not null default 'info' check (digest_max in ('info', 'warning')),
    check ((quiet_from is null) = (quiet_until is null))
);

-- Who is on call; its layers are data, see lode_hub.notify.oncall.
create table schedule (
    id int generated always as identity primary key,
    name text not null unique,
    time_zone text not null,
    sites text[],                         -- null: every site
    layers jsonb not null
);

create table schedule_override (
    id int generated always as identity primary key,
    schedule_id int not null references schedule on delete cascade,
    person_id int not null references person on delete cascade,
    from_at timestamptz not null,
    until_at timestamptz not null,
    check (from_at < until_at)
);
create index schedule_override_schedule on schedule_override (schedule_id, until_at);

-- Whom a critical alert goes to, and after how long without an acknowledgement to whom else.
create table policy (
    id int generated always as identity primary key,
    name text not null unique,
    sites text[],                         -- null: every site that no other policy names
    steps jsonb not null                  -- [{"after_s": 0, "tell": ["schedule:x", "person:y"]}]
);

-- A running timer: the next step of an alert's policy. It goes with the alert's acknowledgement.
create table escalation (
    alert_id bigint primary key references alert on delete cascade,
    policy_id int not null references policy on delete cascade,
    step int not null,
    begun_at timestamptz not null,
    due_at timestamptz not null
);
create index escalation_due on escalation (due_at);

-- Events that are told together later: digests, what came in quiet hours, what was too much.
create table held (
    id bigint generated always as identity primary key,
    channel text not null,
    recipient text not null,              -- '' for all of the channel's own
    way_id int references way on delete cascade,
    event_id bigint not null references alert_event on delete cascade,
    due_at timestamptz not null,
    why text not null check (why in ('digest', 'quiet', 'overflow'))
);
create index held_due on held (due_at);

-- How much was told of late: a bucket of tokens is one moment, that at which it is full again.
create table pace (
    key text primary key,
    full_at timestamptz not null
);

alter table delivery drop column rule;    -- and its index delivery_group with it
alter table delivery add column cause text not null default '';  -- '' for several at once
alter table delivery add column recipient text not null default '';
alter table delivery add column way_id int references way on delete set null;
alter table delivery add column person_id int references person on delete set null;
alter table delivery add column link_used_at timestamptz;  -- of its acknowledge link
alter table delivery add column reference text;            -- what the receiver calls it
create index delivery_made on delivery (created_at);
