-- How everything is at this moment, by the database's clock: the one place that says what silent
-- and stale mean.

-- Silent: no reading for three intervals, at least 10 s. A reading that has just come out of an
-- agent's backlog says nothing of the present either: what was observed more than a minute ago
-- (the agent's clock offset taken off) is not news.
create function is_silent(
    received_at timestamptz, at timestamptz, interval_s real, clock_offset_ms real
) returns boolean stable language sql as $$
    select now() - received_at > make_interval(secs => greatest(3 * coalesce(interval_s, 10), 10))
        or now() - at + make_interval(secs => coalesce(clock_offset_ms, 0) / 1000)
            > make_interval(secs => greatest(3 * coalesce(interval_s, 10), 60))
$$;

-- Never negative, for clocks differ; null when it never was (which `greatest` alone would hide).
create function seconds_since(at timestamptz) returns float8 stable language sql as $$
    select case when at is not null then greatest(extract(epoch from now() - at), 0)::float8 end
$$;

-- Times by a clock that is more than 30 s off are shown by the hub's: see lode_hub.ingest.check.
create function correction_ms(clock_offset_ms real) returns bigint immutable language sql as $$
    select case when abs(clock_offset_ms) > 30000 then clock_offset_ms::bigint else 0 end
$$;

create function shown_at(at timestamptz, clock_offset_ms real) returns timestamptz
immutable language sql as $$
    select case when abs(clock_offset_ms) > 30000
        then at - make_interval(secs => clock_offset_ms / 1000) else at end
$$;

create view rig_now as
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

create view meter_now as
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

-- Stale: nothing committed for 30 s. Presence is a hint and does not count.
create view agent_now as
select a.id as agent_id, a.name, a.site_id, s.name as site,
    case
        when a.stopped_at > a.started_at then 'stopped'
        when a.committed_at is null then 'unknown'
        when now() - a.committed_at > interval '30 seconds' then 'stale'
        else 'live'
    end as state,
    a.is_online, seconds_since(a.committed_at) as committed_age_s,
    a.version, a.hostname, (extract(epoch from a.started_at) * 1000)::bigint as started_ms,
    a.clock_offset_ms, a.health
from agent a left join site s on s.id = a.site_id;
