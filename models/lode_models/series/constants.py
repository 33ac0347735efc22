"""The shipped constants of the series detector. A memory of 1/a is in samples unless it says so.

Those marked (swept) moved little between seeds of a synthetic corpus when halved or doubled;
those marked (taken) are what sweeps on the Numenta Anomaly Benchmark gave before, and were kept.
docs/detection.md says how each was found.
"""

LEVEL_RATE = 1e-3  # of the level, the slow mean (taken)
SHIFT_RATE = 0.1  # of the fast mean and of the fast spread (taken)
SCALE_RATE = 2e-3  # of each stream's own scale, and of the usual spread (swept)
HOUR_MEMORY_S = 2850.0  # time spent in an hour until its mean is half new: 0.1 at 5 min (taken)

WINSOR = 4.0  # a sample moves a slow mean as if it were at most this many scales away (taken)
FAST_WINSOR = 5.0  # the same for the fast mean and the fast spread (swept)
ABS_TO_SD = 1.2533  # sqrt(pi/2): from mean absolute deviation to standard deviation, if Gaussian
STEEPEST = 1e-3  # a scale counts as at least this part of what it is to judge: z is at most 1000
RESOLUTION = 1e-12  # of a value: differences below are rounding, not change

TAIL = 0.01  # part of the samples beyond the edge of a tail: 1 - q, q = 0.99 (taken)
TAIL_SURPRISE = 2.0  # -log10(TAIL)
EDGE_RISE = 0.3  # an excess raises its edge by this many mean excesses: memory of 330 (swept)
EDGE_FALL = EDGE_RISE * TAIL / (1 - TAIL)  # what holds the edge at the quantile (Robbins-Monro)
EDGE_START, EDGE_LEAST = 2.5, 0.05  # in scales
PEAK_RATE = 0.1  # of the mean excess, in excesses (swept)
PEAK_WINSOR = 5.0  # an excess counts as at most this many mean excesses when it is learnt (swept)
PEAK_START, PEAK_LEAST = 0.6, 1e-3  # in scales
TAIL_SHAPE = 0.15  # of the generalised Pareto tail; between exponential (0) and Student t7 (swept)

BEGIN = 10  # samples that are kept and then learnt at once: four of them may be anything
GARBAGE = 100.0  # among them, so many median distances from their median ...
GARBAGE_PART = 0.5  # ... and this part of the median
LEARN_FROM = 10  # samples before tails are learnt and outliers held back
SPEAK_FROM = 30  # samples before anything is said
SURE_FROM = 100  # samples before it is said in full
REFRACTORY_MOST, REFRACTORY_PART = 150.0, 0.05  # samples, and part of the history (taken)
HALF_SURPRISE = 10.0  # the summed surprise whose score is 0.5 (swept)

COUNT_MOST = 2.0**24  # where float32 stops counting
VALUE_MOST = 1e36  # beyond it float32 would overflow; values are held to it
