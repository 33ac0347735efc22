"""Which devices are under an order now, and what it asks of each: one answer for all who ask.

A direct order and a lease say it in what was asked. A plan names no devices here: who is asleep by
it says so itself, and until then it may be anybody, where the plan lets somebody sleep now.
"""

ORDERED = """
    holding as materialized (
        select c.id, c.number, c.agent_id, c.action, c.target, c.asked->'intent' as intent,
            hashtext(c.asked->>'intent') as intent_hash,
            c.action = 'plan' and jsonb_path_exists(c.asked, '$.intent.periods[*]
                ? (@.from_ms <= $now && @.to_ms > $now).steps[*].wish ? (@.action == "sleep")',
                jsonb_build_object('now', %(now_ms)s::bigint)) as lets_sleep
        from command c
        where c.ended_at is null and c.stage not in ('proposed', 'queued')
            and (c.action in ('sleep', 'power_limit', 'power_mode', 'preset', 'curtail', 'plan',
                'stop_all')
                or c.action = 'outlet' and not (c.asked->'intent'->>'is_on')::boolean)
    ), leased as materialized (
        select s.id, s.wish, generate_series(s.until - s.devices, s.until - 1) as place
        from (
            select h.id, s.step->'wish'->>'action' as wish, (s.step->>'devices')::int as devices,
                sum((s.step->>'devices')::int) over (partition by h.id order by s.number) as until
            from holding h cross join lateral
                jsonb_array_elements(h.intent->'steps') with ordinality s (step, number)
            where h.action = 'curtail') s
    ), behind_outlet as (
        select h.id, k.device_id
        from holding h join device d on d.agent_id = h.agent_id
            join device_controls k on k.device_id = d.id
        where h.action = 'outlet' and k.outlet = h.target || ':' || (h.intent->>'outlet')
    ), ordered as (
        select coalesce(b.device_id, cd.device_id) as device_id, h.id as command_id, h.number,
            h.action, h.intent_hash, cd.read_back, case h.action
                when 'stop_all' then 'sleep'
                when 'outlet' then 'sleep'
                when 'curtail' then l.wish
                when 'plan' then case
                    when cd.stage = 'effective' and cd.read_back like '%%is_asleep False%%'
                        then 'power_limit'
                    when h.lets_sleep or cd.read_back like '%%is_asleep True%%' then 'sleep'
                    else 'power_limit' end
                else h.action end as wish
        from holding h join command_device cd on cd.command_id = h.id
            left join leased l on l.id = h.id and l.place = cd.place
            left join behind_outlet b on b.id = h.id
        where cd.device_id is not null
            and cd.stage in ('accepted', 'sent', 'acknowledged', 'effective', 'drifted')
    )
"""
"""`ordered`: a row for each device and order that holds it, by its own word, at `now_ms`.

`wish` is `sleep` of what brings the device down, and of a plan that does not, `power_limit`.
"""
