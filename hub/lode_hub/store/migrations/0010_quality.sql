-- Data quality: what came, and what was wrong with it, in five minutes of observation time.
--
-- A source is what one agent reads of one kind by one driver: a few rows for each five minutes,
-- however many rigs there are. Rows older than lode_hub.store.quality.KEEP_DAYS are deleted.
create table quality_5m (
    bucket timestamptz not null,
    agent_id int not null references agent,
    kind smallint not null,               -- lode_wire DeviceKind
    driver text not null,
    devices int not null,                 -- configured, when the row was written last
    expected real,                        -- readings, by the devices' intervals; null: unknown
    received int not null,                -- every reading, repeated ones too
    no_answer int not null,               -- the device did not answer, or refused
    bad_answer int not null,              -- the answer made no sense
    partial int not null,                 -- a part was missing or had to be mended
    out_of_range int not null,            -- a value was outside what can be measured, and is missing
    clock int not null,                   -- by a clock more than 2 s off
    held int not null,                    -- kept, and not used: more than 5 min off, or of the future
    late int not null,                    -- older than what had come before
    duplicate int not null,               -- the same device at the same time, again
    unit int not null,                    -- values not used, for they cannot be in their unit
    reset int not null,                   -- counters that fell, and began anew
    rollover int not null,                -- counters that ran over their end
    lag_ms bigint not null,               -- the longest way from a device to the hub
    primary key (bucket, agent_id, kind, driver)
);
