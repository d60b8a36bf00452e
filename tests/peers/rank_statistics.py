"""Makes tests/oracles/statistics.json: rank statistics by scipy, for src/data/statistics.rs.

python -m pip install scipy && python tests/peers/rank_statistics.py > tests/oracles/statistics.json
"""

import json
import random

import scipy
from scipy import stats


def case(name, x, y, method):
    tau = stats.kendalltau(x, y)
    signed = stats.wilcoxon(x, y, zero_method="wilcox", correction=False, method=method)
    wins = sum(a < b for a, b in zip(x, y))
    interval = stats.binomtest(wins, len(x)).proportion_ci(0.95, method="wilson")
    return {
        "name": name,
        "x": x,
        "y": y,
        "kendall": tau.statistic,
        "wilcoxon": {"statistic": float(signed.statistic), "p": float(signed.pvalue)},
        "wins": wins,
        "wilson": [interval.low, interval.high],
    }


rng = random.Random(4)
cases = []
# Up to 50 pairs without ties the test is exact.
for name, n, digits, shift, method in [
    ("plain", 60, 6, 0.3, "approx"),
    ("ties", 40, 1, 0.1, "approx"),
    ("many ties", 200, 1, 0.02, "approx"),
    ("small", 8, 3, 0.5, "exact"),
    ("apart", 300, 5, 1.0, "approx"),
    ("five", 5, 6, 2.0, "exact"),
    ("fifty", 50, 9, 0.2, "exact"),
]:
    x = [round(rng.gauss(0, 1), digits) for _ in range(n)]
    y = [round(0.6 * a + 0.8 * rng.gauss(shift, 1), digits) for a in x]
    cases.append(case(name, x, y, method))
print(json.dumps({"scipy": scipy.__version__, "cases": cases}))
