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

-- Times by a clock that is more than 30 s off are shown by the hub's: see lode_hub.ingest.check.
create function correction_ms(clock_offset_ms real) returns bigint immutable language sql as $$
    select case when abs(clock_offset_ms) > 30000 then clock_offset_ms::bigint else 0 end
$$;

create function shown_at(at timestamptz, clock_offset_ms real) returns timestamptz
immutable language sql as $$
    select case when abs(clock_offset_ms) > 30000
        then at - make_interval(secs => clock_offset_ms / 1000) else at end
$$;

create or replace view rig_now as
select d.id as device_id, d.name, a.site_id, coalesce(s.name, '') as site, a.name as agent,
    d.rack, d.vendor, d.model, d.firmware, d.serial, d.mac, d.address, d.profile, d.is_configured,
    case
        when l.device_id is null
            then case when is_silent(d.facts_at, d.facts_at, d.interval_s, 0)
                then 'silent' else 'unknown' end
        when is_silent(l.received_at, l.at, d.interval_s, a.clock_offset_ms) then 'silent'
        else coalesce((array['unknown', 'mining', 'sleeping', 'curtailed', 'tuning', 'faulted',
            'unreachable'])[l.state + 1], 'unknown')
    end as state,
    (extract(epoch from shown_at(l.at, a.clock_offset_ms)) * 1000)::bigint as at_ms,
    seconds_since(shown_at(l.at, a.clock_offset_ms)) as age_s,
    l.hashrate_ths, d.rated_hashrate_ths, l.power_w, d.rated_power_w,
    coalesce((array['none', 'nameplate', 'rig', 'pdu', 'meter'])[l.power_source + 1], 'none')
        as power_source,
    case when l.hashrate_ths > 0 then l.power_w / l.hashrate_ths end as efficiency_jth,
    l.board_temp_c, l.chip_temp_c, d.chip_temp_max_c, d.board_temp_max_c, l.inlet_temp_c,
    l.fan_rpm, l.fans_alive, d.rated_fans, l.boards_alive, d.rated_boards, l.chips_alive,
    l.accepted_shares, l.rejected_shares, l.uptime_s, coalesce(l.quality, 0) as quality,
    coalesce(correction_ms(a.clock_offset_ms), 0) as correction_ms
from device d
    join agent a on a.id = d.agent_id
    left join site s on s.id = a.site_id
    left join rig_last l on l.device_id = d.id
where d.kind = 1;

create or replace view meter_now as
select d.id as device_id, d.name, a.site_id, coalesce(s.name, '') as site, a.name as agent,
    d.model, d.address, d.is_configured,
    coalesce(is_silent(l.received_at, l.at, d.interval_s, a.clock_offset_ms), true) as is_silent,
    (extract(epoch from shown_at(l.at, a.clock_offset_ms)) * 1000)::bigint as at_ms,
    seconds_since(shown_at(l.at, a.clock_offset_ms)) as age_s,
    l.power_w, l.energy_in_kwh, l.voltage_v, l.current_a, l.freq_hz, l.power_factor,
    coalesce(l.quality, 0) as quality
from device d
    join agent a on a.id = d.agent_id
    left join site s on s.id = a.site_id
    left join meter_last l on l.device_id = d.id
where d.kind = 2;
