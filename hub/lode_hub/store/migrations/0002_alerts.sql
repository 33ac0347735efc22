-- Alerts, their history, and what has still to be told about them.

create table alert (
    id bigint generated always as identity primary key,
    rule text not null,
    subject text not null,                -- device:17, agent:3, site:1, channel:mail
    site_id int references site,
    agent_id int references agent,
    device_id int references device,
    severity text not null check (severity in ('info', 'warning', 'critical')),
    state text not null default 'open' check (state in ('open', 'acknowledged', 'resolved')),
    title text not null,
    likely_cause text not null,
    evidence jsonb not null,
    since_at timestamptz not null,        -- when the trouble began, by observation time
    opened_at timestamptz not null,       -- this and all below by the hub's clock
    renewed_at timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    resolved_at timestamptz,
    resolved_by text,                     -- null when the trouble itself went away
    flapping_until timestamptz,           -- held open until then, because it came and went
    cleared_at timestamptz,               -- the trouble is away, but the alert is held open
    check ((state = 'resolved') = (resolved_at is not null))
);

-- At most one alert that is not resolved for each trouble: whoever races for it, one row comes out.
create unique index alert_unresolved on alert (rule, subject) where state <> 'resolved';
create index alert_opened on alert (opened_at);
create index alert_device on alert (device_id, opened_at);
create index alert_held on alert (flapping_until)
    where flapping_until is not null and state <> 'resolved';

-- What happened to an alert, appended and never changed.
create table alert_event (
    id bigint generated always as identity primary key,
    alert_id bigint not null references alert on delete cascade,
    rule text not null,
    subject text not null,
    what text not null check (
        what in ('opened', 'acknowledged', 'resolved', 'flapping', 'cleared', 'returned')
    ),
    at timestamptz not null,
    by text                               -- the person, null for the hub itself
);
create index alert_event_key on alert_event (rule, subject, at);
create index alert_event_alert on alert_event (alert_id);

-- Events nobody has been told of yet; a row leaves when its deliveries are written.
create table outbox (
    event_id bigint primary key references alert_event on delete cascade,
    created_at timestamptz not null default clock_timestamp()
);

-- One message to one channel about a group of events: same site, same rule, same happening.
create table delivery (
    id bigint generated always as identity primary key,
    key uuid not null unique default gen_random_uuid(),  -- the same at every attempt
    channel text not null,
    site_id int references site,
    rule text not null,
    what text not null,
    state text not null default 'waiting' check (state in ('waiting', 'sent', 'dead')),
    attempts int not null default 0,
    due_at timestamptz not null default now(),
    lease uuid,
    leased_until timestamptz,             -- past: its owner is dead, and another may send it
    error text,                           -- of the latest attempt
    created_at timestamptz not null default now(),
    finished_at timestamptz
);
create index delivery_waiting on delivery (channel, due_at) where state = 'waiting';
create index delivery_group on delivery (rule, site_id, what, created_at);

create table delivery_event (
    delivery_id bigint not null references delivery on delete cascade,
    event_id bigint not null references alert_event on delete cascade,
    primary key (delivery_id, event_id)
);
create index delivery_event_event on delivery_event (event_id);
