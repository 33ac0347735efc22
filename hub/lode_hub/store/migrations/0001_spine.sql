-- The spine: who sends, what is committed, what was measured.
--
-- Time-series tables are written here as plain tables. After the migrations, store/partitions.py
-- turns each into a range-partitioned table (or, raw readings on TimescaleDB, into a hypertable):
-- it knows every such table, its step, its retention and its storage parameters.

create table site (
    id int generated always as identity primary key,
    name text not null unique
);

create table agent (
    id int generated always as identity primary key,
    name text not null unique,
    partition smallint not null,
    site_id int references site,          -- null until its birth is committed
    boot text,
    version text,
    config_hash text,
    hostname text,
    started_at timestamptz,               -- of the latest birth
    stopped_at timestamptz,               -- of a death later than the latest birth
    -- Which batch said so, (source, seq): the latest by number wins, because a clock may be set back.
    birth_source_id int,
    birth_seq bigint,
    birth_devices int,                    -- how many device records that birth promised
    health_source_id int,
    health_seq bigint,
    is_online boolean not null default false,  -- presence: a hint only
    committed_at timestamptz,             -- hub time of its last committed batch: true liveness
    clock_offset_ms real,                 -- agent's clock minus the hub's, running minimum
    health jsonb,                         -- the newest Health record, as its field names say
    health_at timestamptz
);

-- One row per (agent, epoch): the ledger's cursor. Every seq up to `mark` is committed or a known gap.
create table source (
    id int generated always as identity primary key,
    agent_id int not null references agent,
    epoch text not null,
    mark bigint not null default 0,
    version bigint not null default 0,    -- counts its commits, so that a cached copy knows its age
    first_seen timestamptz not null default now(),
    unique (agent_id, epoch)
);

-- Committed above the mark, as inclusive ranges; none touches another or the mark.
create table ahead (
    source_id int not null references source,
    seq bigint not null,
    to_seq bigint not null,
    primary key (source_id, seq)
) with (fillfactor = 50);

create table device (
    id int generated always as identity primary key,
    agent_id int not null references agent,
    name text not null,
    kind smallint not null,               -- lode_wire DeviceKind
    driver text not null,
    address text not null,
    profile text not null,
    vendor text not null,
    model text not null,
    firmware text not null,
    serial text not null,
    mac text not null,
    rack text not null,
    interval_s real,
    rated_hashrate_ths real,
    rated_power_w real,
    rated_boards smallint,
    rated_fans smallint,
    chip_temp_max_c real,
    board_temp_max_c real,
    is_configured boolean not null default true,  -- false once a later birth left it out
    facts_at timestamptz not null,
    facts_source_id int not null,         -- the batch these facts came in; the latest wins
    facts_seq bigint not null,
    unique (agent_id, name)
);

-- What an epoch's readings call a device.
create table device_number (
    source_id int not null references source,
    number int not null,
    device_id int not null references device,
    primary key (source_id, number)
);

-- Raw readings. The ledger keeps them unique, so there is no unique index; (source_id, seq) says
-- which batch a row came in. BRIN finds a time span; `autosummarize` keeps it fit for fresh rows.
create table rig_reading (
    at timestamptz not null,
    device_id int not null,
    source_id int not null,
    seq bigint not null,
    hashrate_ths real,
    power_w real,
    board_temp_c real,
    chip_temp_c real,
    inlet_temp_c real,
    fan_rpm real,
    accepted_shares bigint,
    rejected_shares bigint,
    uptime_s bigint,
    chips_alive int,
    boards_alive smallint,
    fans_alive smallint,
    state smallint not null,
    power_source smallint not null,
    quality smallint not null
);
create index on rig_reading using brin (at) with (pages_per_range = 32, autosummarize = on);

create table meter_reading (
    at timestamptz not null,
    device_id int not null,
    source_id int not null,
    seq bigint not null,
    power_w real,
    energy_in_kwh double precision,
    energy_out_kwh double precision,
    voltage_v real,
    current_a real,
    freq_hz real,
    power_factor real,
    quality smallint not null
);
create index on meter_reading using brin (at) with (pages_per_range = 32, autosummarize = on);

create table point_reading (
    at timestamptz not null,
    device_id int not null,
    point_id int not null,
    source_id int not null,
    seq bigint not null,
    value double precision,
    quality smallint not null
);
create index on point_reading using brin (at) with (pages_per_range = 32, autosummarize = on);

create table point (
    id int generated always as identity primary key,
    name text not null,
    unit text not null,
    unique (name, unit)
);

create table rig_last (
    device_id int primary key references device,
    at timestamptz not null,
    received_at timestamptz not null,
    hashrate_ths real,
    power_w real,
    board_temp_c real,
    chip_temp_c real,
    inlet_temp_c real,
    fan_rpm real,
    accepted_shares bigint,
    rejected_shares bigint,
    uptime_s bigint,
    chips_alive int,
    boards_alive smallint,
    fans_alive smallint,
    state smallint not null,
    power_source smallint not null,
    quality smallint not null
) with (fillfactor = 50);

create table meter_last (
    device_id int primary key references device,
    at timestamptz not null,
    received_at timestamptz not null,
    power_w real,
    energy_in_kwh double precision,
    energy_out_kwh double precision,
    voltage_v real,
    current_a real,
    freq_hz real,
    power_factor real,
    quality smallint not null
) with (fillfactor = 50);

create table point_last (
    device_id int not null references device,
    point_id int not null references point,
    at timestamptz not null,
    received_at timestamptz not null,
    value double precision,
    quality smallint not null,
    primary key (device_id, point_id)
) with (fillfactor = 50);

-- Records that will never come, as the agent says, and holes the hub itself has seen.
create table gap (
    id bigint generated always as identity primary key,
    source_id int not null references source,
    reason text not null,                 -- 'missing' while the hub asks for it; else GapReason
    from_seq bigint,
    to_seq bigint,
    from_at timestamptz,
    to_at timestamptz,
    records bigint,
    detail text not null default '',
    found_at timestamptz not null default now(),
    filled_at timestamptz                 -- when all of it came after all
);
create index on gap (source_id, found_at);
create index on gap (source_id) where reason = 'missing' and filled_at is null;

create table quarantine (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    agent text,                           -- as the topic names it
    topic text not null,
    reason text not null,
    size_bytes int not null,
    payload bytea                         -- null when larger than the limit
);
create index on quarantine (agent, at);

-- A lease outlives no crash: it ends by the database's clock unless its owner renews it.
create table lease (
    name text primary key,
    owner text not null,
    expires_at timestamptz not null
);

create table worker (
    name text primary key,
    seen_at timestamptz not null
);

-- Rollups. n counts readings; each metric has its own n, because a missing value counts nowhere.
-- `last` is the value of the newest reading by observation time, `last_at` (null when that reading
-- misses it); `first` is that of the oldest, `first_at`. The key begins with the
-- bucket: a minute's rows lie together when written, and one rig's are found by bucket and rig.

create table rig_1m (
    bucket timestamptz not null,
    device_id int not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    n int not null,
    mining_n int not null,                -- readings whose state was mining
    accepted_last bigint,
    rejected_last bigint,
    hashrate_ths_n int not null,
    hashrate_ths_sum double precision not null,
    hashrate_ths_min real,
    hashrate_ths_max real,
    hashrate_ths_last real,
    power_w_n int not null,
    power_w_sum double precision not null,
    power_w_min real,
    power_w_max real,
    power_w_last real,
    board_temp_c_n int not null,
    board_temp_c_sum double precision not null,
    board_temp_c_min real,
    board_temp_c_max real,
    board_temp_c_last real,
    chip_temp_c_n int not null,
    chip_temp_c_sum double precision not null,
    chip_temp_c_min real,
    chip_temp_c_max real,
    chip_temp_c_last real,
    inlet_temp_c_n int not null,
    inlet_temp_c_sum double precision not null,
    inlet_temp_c_min real,
    inlet_temp_c_max real,
    inlet_temp_c_last real,
    fan_rpm_n int not null,
    fan_rpm_sum double precision not null,
    fan_rpm_min real,
    fan_rpm_max real,
    fan_rpm_last real,
    primary key (bucket, device_id)
);

create table rig_15m (like rig_1m including all);

create table rig_1h (like rig_1m including all);

create table rig_1d (like rig_1m including all);

create table meter_1m (
    bucket timestamptz not null,
    device_id int not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    n int not null,
    energy_in_kwh_first double precision,
    energy_in_kwh_last double precision,
    energy_out_kwh_first double precision,
    energy_out_kwh_last double precision,
    power_w_n int not null,
    power_w_sum double precision not null,
    power_w_min real,
    power_w_max real,
    power_w_last real,
    voltage_v_n int not null,
    voltage_v_sum double precision not null,
    voltage_v_min real,
    voltage_v_max real,
    voltage_v_last real,
    current_a_n int not null,
    current_a_sum double precision not null,
    current_a_min real,
    current_a_max real,
    current_a_last real,
    freq_hz_n int not null,
    freq_hz_sum double precision not null,
    freq_hz_min real,
    freq_hz_max real,
    freq_hz_last real,
    power_factor_n int not null,
    power_factor_sum double precision not null,
    power_factor_min real,
    power_factor_max real,
    power_factor_last real,
    primary key (bucket, device_id)
);

create table meter_15m (like meter_1m including all);

create table meter_1h (like meter_1m including all);

create table meter_1d (like meter_1m including all);


-- Buckets to recompute from the finer rollup, appended and never updated, so that a
-- recomputation can never miss a transaction that commits while it runs.
create table rollup_dirty (
    kind text not null,                   -- the table to recompute: rig_15m, rig_1h, ...
    bucket timestamptz not null           -- its bucket
);
