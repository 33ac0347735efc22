-- What an alert is about beyond its rule: by what it is grouped, what it costs, why nobody is told;
-- the rules that say so; and what people do to be told less: shelve, silence, maintain.

alter table alert add column cause text not null default '';      -- heat, hash, power, link, ...
alter table alert add column confidence real not null default 1;  -- how sure the detector is
alter table alert add column members text[] not null default '{}';  -- subjects of one event of many
alter table alert add column stake_usd_h real;                    -- money at stake; null: unknown
alter table alert add column untold text not null default '';     -- why nobody is told now
alter table alert add column told_at timestamptz;                 -- when its opening went to the outbox
alter table alert add column told_severity text;                  -- the gravest that people know of
alter table alert add column settles_at timestamptz;              -- told then: its reason has just ended
alter table alert add column turns_at timestamptz;                -- pending: opens then; cleared: ends
alter table alert add column observed_at timestamptz;             -- of the newest finding, event time
alter table alert add column rack text not null default '';       -- of its rig, or which it is about
alter table alert add column model text not null default '';

-- Pending: the trouble is there, but not yet for as long as its rule wants.
alter table alert drop constraint alert_state_check;
alter table alert add constraint alert_state_check
    check (state in ('pending', 'open', 'acknowledged', 'resolved'));

create index alert_turns on alert (turns_at) where turns_at is not null and state <> 'resolved';
create index alert_resolved on alert (resolved_at) where state = 'resolved';
alter table alert set (fillfactor = 50);  -- renewed every minute: room for it beside the old row

-- 'untold' and 'released' say in the history when and why telling stopped and went on, 'worsened'
-- that an alert became graver than people knew.
alter table alert_event drop constraint alert_event_what_check;
alter table alert_event add constraint alert_event_what_check check (what in (
    'opened', 'acknowledged', 'resolved', 'flapping', 'cleared', 'returned', 'untold', 'released',
    'worsened'
));
alter table alert_event add column note text not null default '';
create index alert_event_at on alert_event (at);

-- Rules as they are in effect: each change makes a version, and none is changed or removed.
create table alert_rule (
    id int generated always as identity primary key,
    name text not null,
    site_id int references site,          -- null: everywhere it is not set for a site
    version int not null,
    is_current boolean not null,
    is_enabled boolean not null,          -- off: its findings open nothing
    cause text not null,
    severity text,                        -- null: as the detector says
    on_delay_s real not null,
    off_delay_s real not null,
    inhibited_by text[] not null,         -- rules or causes whose alerts make this one's go untold
    stake text not null check (stake in ('none', 'lost', 'all')),  -- what of the hashrate is lost
    hashprice_usd_th_d double precision,              -- null: the newest of the site's series
    escalate_usd_h double precision,                  -- a stake that raises the severity by a step
    body jsonb not null,                  -- all of it, thresholds too
    by text not null,
    at timestamptz not null default now()
);
create unique index alert_rule_version on alert_rule (name, coalesce(site_id, 0), version);
create unique index alert_rule_current on alert_rule (name, coalesce(site_id, 0)) where is_current;

-- Which settings it was judged by last; null: of a rule that has none.
alter table alert add column rule_id int references alert_rule;

-- What each layer says of a rule; the rightmost wins: shipped ◄ file ◄ person, everywhere ◄ at a site.
create table alert_rule_layer (
    name text not null,
    site_id int references site,
    layer text not null check (layer in ('shipped', 'file', 'person')),
    body jsonb not null,
    by text not null,
    at timestamptz not null default now()
);
create unique index alert_rule_layer_key on alert_rule_layer (name, coalesce(site_id, 0), layer);

-- An alarm that a person put aside for a while, also when it ends and begins anew.
create table shelf (
    rule text not null,
    subject text not null,
    until_at timestamptz not null,
    by text not null,
    note text not null,
    at timestamptz not null,
    primary key (rule, subject)
);

-- All that is given must fit; '*' in a text stands for anything.
create table silence (
    id bigint generated always as identity primary key,
    site_id int references site,          -- null: every site
    rule text,
    cause text,
    rack text,
    subject text,
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    author text not null,
    comment text not null,
    made_at timestamptz not null
);
create index silence_ends on silence (ends_at);

-- Planned work on a site or one of its racks.
create table maintenance (
    id bigint generated always as identity primary key,
    site_id int not null references site,
    rack text,                            -- null: the whole site
    starts_at timestamptz not null,
    ends_at timestamptz not null check (ends_at > starts_at),
    person text not null,
    note text not null,
    made_at timestamptz not null
);
create index maintenance_ends on maintenance (ends_at);

-- When it was last looked at who is not told of and why: one process at a time, every few seconds.
create table alert_review (
    is_it boolean primary key default true check (is_it),
    at timestamptz not null default '-infinity'
);
insert into alert_review default values;

-- Whether a text fits a pattern in which '*' stands for anything; a missing pattern fits all.
create function fits(given text, pattern text) returns boolean immutable language sql as $$
    select pattern is null or coalesce(given, '') like replace(replace(replace(replace(
        pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')
$$;

-- What people call a subject: a rig or a site by its own name; else what it is, and its name.
create function called(subject text, device text, agent text, site text) returns text
immutable language sql as $$
    select coalesce(case split_part(subject, ':', 1)
            when 'device' then device
            when 'agent' then 'agent ' || agent
            when 'site' then case when subject ~ '^site:[0-9]+$' then site end
            when 'channel' then 'channel ' || replace(replace(
                substring(subject from 9), ':way:', ', way '), ':own', ', its own recipients')
        end, regexp_replace(subject, '^(site:[0-9]+:)?([^:]+):', '\2 '))
$$;

-- What a subject is about, and what people call it; null is what there is not.
create function about(subject text) returns table (
    device_id integer, agent_id integer, site_id integer, site text, name text
) stable language sql as $$
    select d.id, a.id, s.id, s.name, called(x.subject, d.name, a.name, s.name)
    from (
        select about.subject, split_part(about.subject, ':', 1) as kind,
            substring(about.subject from '^[a-z]+:([0-9]{1,9})(:|$)')::integer as number
    ) x
        left join device d on x.kind = 'device' and d.id = x.number
        left join agent a on a.id = case x.kind when 'agent' then x.number else d.agent_id end
        left join site s on s.id = case x.kind when 'site' then x.number else a.site_id end
$$;

-- A number in evidence; null where there is none, or something else.
create function number_in(given jsonb, name text) returns float8 immutable language sql as $$
    select case when jsonb_typeof(given -> name) = 'number' then (given ->> name)::float8 end
$$;
