-- Energy: what power costs and hashes earn, what the grid asks, and what came of it.
-- Nothing here is overwritten: a correction is a further row, so that what was known when can be asked.

-- A price, a rate or any other figure over time; site null: of every site.
create table energy_series (
    id int generated always as identity primary key,
    site_id int references site,
    quantity text not null,               -- day-ahead, real-time, exchange, hashprice, ...
    node text not null,                   -- settlement point, bidding zone, currency; '' where none
    source text not null,
    unit text not null,                   -- EUR/MWh, USD/TH/day, ...
    unique nulls not distinct (site_id, quantity, node, source, unit)
);

create table energy_value (
    series_id int not null references energy_series,
    from_at timestamptz not null,
    revision int not null,                -- counts what was said of this moment, from 1
    until_at timestamptz,                 -- null: until the next
    value double precision,               -- null: withdrawn
    published_at timestamptz not null,    -- as the source says, or as its rule says
    received_at timestamptz not null,     -- by the hub's clock
    primary key (series_id, from_at, revision)
);

-- Tariffs, sources, programmes and economics, as the TOML that people wrote; the last revision counts.
create table energy_document (
    site_id int references site,
    kind text not null,
    name text not null,
    revision int not null,
    body text,                            -- null: removed
    person text not null,
    saved_at timestamptz not null,
    unique nulls not distinct (site_id, kind, name, revision)
);

-- How the asking of a source or a programme fares, or the listening to it.
create table energy_fetch (
    site_id int references site,
    kind text not null,                   -- source, programme
    name text not null,
    due_at timestamptz,                   -- null: it is listened to
    ok_at timestamptz,
    failures int not null default 0,      -- in a row; 1 while a topic cannot be listened to
    failing_at timestamptz,               -- since when; null: it does not fail
    trouble text not null default '',
    etag text not null default '',
    modified text not null default '',
    refused int not null default 0,       -- rows of the last answer or message that could not be read
    messages bigint not null default 0,   -- heard in all
    bad bigint not null default 0,        -- of these, nothing could be read
    unique nulls not distinct (site_id, kind, name)
);

-- Calls for demand response. A row for each modification; the highest counts.
create table energy_call (
    id bigint generated always as identity primary key,
    site_id int not null references site,
    programme text not null,
    event text not null,                  -- the caller's id, and its part where it has several
    modification bigint not null,
    is_cancelled boolean not null,
    is_test boolean not null,
    from_at timestamptz not null,         -- with the randomised start in it
    until_at timestamptz not null,
    random_s real not null,
    reduce text not null check (reduce in ('to', 'by', 'all')),
    power_kw double precision,            -- null for all
    notice_s real not null,
    penalty_usd_mwh double precision,
    credit_usd_mwh double precision,
    way text not null,                    -- page, api, mqtt, webhook, openadr; "openadr, not shown" cancels
    person text not null,
    received_at timestamptz not null,
    unique (site_id, programme, event, modification)
);
create index energy_call_time on energy_call (site_id, until_at);

-- The highest window of a billing month so far, by what is looked at: meters, length, times, zone.
create table energy_peak (
    site_id int not null references site,
    rule text not null,
    month int not null,                   -- 12 times the year, and the month from 0
    power_kw double precision,            -- null: no window was metered
    until_at timestamptz not null,        -- looked through so far
    primary key (site_id, rule, month)
);

-- Reports that events of VTNs ask for; each goes out when its event is over.
create table energy_report (
    site_id int not null references site,
    programme text not null,
    event text not null,                  -- the VTN's id of it
    asked jsonb not null,                 -- its program, and the kinds of figures
    first_due_at timestamptz not null,
    due_at timestamptz not null,          -- when it is tried next
    failures int not null default 0,
    trouble text not null default '',
    sent_at timestamptz,
    is_over boolean not null default false, -- sent, or given up
    primary key (site_id, programme, event)
);
create index energy_report_due on energy_report (site_id, programme, due_at) where not is_over;

-- Accounts as they were made. `digest` is over the data they rest on; `as_of` is up to when it was read.
create table energy_account (
    id bigint generated always as identity primary key,
    site_id int not null references site,
    kind text not null,                   -- call, curtailment, plan, day, month
    subject text not null,                -- which one: the call's id, 2026-07-01, ...
    from_at timestamptz not null,
    until_at timestamptz not null,
    as_of timestamptz not null,
    digest text not null,
    person text not null,
    made_at timestamptz not null default clock_timestamp(),
    body jsonb not null
);
create index energy_account_list on energy_account (site_id, from_at);
