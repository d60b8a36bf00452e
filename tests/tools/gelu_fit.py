"""Prints the coefficients of GELU's polynomial (`src/exec/native/vector.rs`, `NORMAL`), the highest power first; wants numpy and scipy.

(Φ(x) − ½) / x is fitted over 0 < x ≤ 5.25 by least squares whose weights grow where the error is largest (Lawson's way to the least largest
error), of Φ, times x/2 beyond 2. In the source the fourth is raised a little, so that Φ comes out as 0 at −5.25 in single precision.
"""

import numpy as np
from scipy.special import ndtr

FAR, DEGREE = 5.25, 14

x = FAR / 2 * (1 - np.cos(np.linspace(0, np.pi, 6001)))[1:]
wanted = (ndtr(x) - 0.5) / x
importance = x * np.maximum(1, x / 2)
powers = np.polynomial.chebyshev.chebvander(2 * x * x / FAR**2 - 1, DEGREE)

weights, least, best = np.ones_like(x), np.inf, None
for _ in range(300):
    scale = np.sqrt(weights) * importance
    fit, *_ = np.linalg.lstsq(powers * scale[:, None], wanted * scale, rcond=None)
    error = np.abs((powers @ fit - wanted) * importance)
    if error.max() < least:
        least, best = error.max(), fit
    weights *= error / error.max() + 1e-3
    weights /= weights.mean()

for coefficient in np.polynomial.chebyshev.cheb2poly(best)[::-1].astype(np.float32):
    print(coefficient)
print(f"largest error {least:.1e}")
