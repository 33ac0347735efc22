-- What an agent's own envelope, signed by the site's owner, says of a rig: of the agent's part of the
-- site, of the rig's feeder and of its model. Null: not told, or not limited.
alter table device_controls
    add column site_limit_kw float8,
    add column site_ramp_up_kw_per_min float8,
    add column site_ramp_down_kw_per_min float8,
    add column feeder_limit_kw float8,
    add column feeder_ramp_up_kw_per_min float8,
    add column feeder_ramp_down_kw_per_min float8,
    add column starts_per_day int,
    add column min_up_s float8,
    add column min_down_s float8;
