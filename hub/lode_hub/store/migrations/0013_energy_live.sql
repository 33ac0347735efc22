-- The planner at work: what it may do, what it planned and sent, how the site follows.

-- What a person lets the planner do at a site. Appended; the last counts; none is off.
create table energy_planner (
    id bigint generated always as identity primary key,
    site_id int not null references site,
    mode text not null check (mode in ('off', 'advise', 'act')),
    person text not null,
    at timestamptz not null default now()
);
create index energy_planner_site on energy_planner (site_id, id);

-- Plans as they were made, whether or not they were sent.
create table energy_plan (
    id bigint generated always as identity primary key,
    site_id int not null references site,
    made_at timestamptz not null,
    cause text not null,                  -- why it was made
    is_sent boolean not null,
    commands text[] not null,             -- that took it to the agents
    agents text[] not null,               -- that have periods to keep by it
    is_kept boolean not null default false, -- it stood when a call came: accounts may rest on it
    body jsonb not null
);
create index energy_plan_site on energy_plan (site_id, id);
create index energy_plan_sent on energy_plan (site_id, id) where is_sent;
create index energy_plan_made on energy_plan (made_at) where not is_kept;

create function energy_call_came() returns trigger language plpgsql as $$
begin
    update energy_plan set is_kept = true where id = (
        select max(id) from energy_plan
        where site_id = new.site_id and is_sent and made_at <= new.received_at);
    return null;
end $$;
create trigger energy_call_came after insert on energy_call
    for each row execute function energy_call_came();

-- What the planner has learned of a rig.
create table energy_rig (
    device_id int primary key references device,
    power_w real,                         -- as its owner set it, not held down
    hashrate_ths real,
    is_awake boolean,
    turned_at timestamptz,                -- when it was last seen to wake or fall asleep
    is_ours boolean not null default false -- it was put to sleep by a plan
);

-- What stands at a site's agents, as it was signed: a hub that takes over goes on with it.
create table energy_standing (
    site_id int primary key references site,
    plans jsonb not null,                 -- by agent: its standing orders, trims among them
    waited_for jsonb not null             -- by device: told to sleep since then (Unix ms), and awake
);

-- How the site follows its setpoint now.
create table energy_loop (
    site_id int primary key references site,
    at timestamptz not null,
    body jsonb not null
);

-- Wakes the planner when something it plans by has changed.
create function energy_signalled() returns trigger language plpgsql as $$
begin
    perform pg_notify('lode_energy', '');
    return null;
end $$;
create trigger energy_signalled after insert on energy_value
    for each statement execute function energy_signalled();
create trigger energy_signalled after insert on energy_document
    for each statement execute function energy_signalled();
create trigger energy_signalled after insert on energy_call
    for each statement execute function energy_signalled();
create trigger energy_signalled after insert on energy_planner
    for each statement execute function energy_signalled();
create trigger energy_signalled after insert or delete on device_maintenance
    for each statement execute function energy_signalled();
