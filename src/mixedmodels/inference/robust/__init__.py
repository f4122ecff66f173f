"""Covariances of the fixed effects that believe in the independence of clusters, and in no model
within them.

Liang & Zeger (1986), Biometrika 73, 13-22; Bell & McCaffrey (2002), Survey Methodology 28, 169-181;
Pustejovsky & Tipton (2018), Journal of Business & Economic Statistics 36, 672-683; over several
clusterings Cameron, Gelbach & Miller (2011), Journal of Business & Economic Statistics 29, 238-249.

With V the model's marginal covariance over sigma^2 and C = (X'V^-1 X)^-1,

    Cov = factor sum_j u_j u_j',   u_j = C X_j'V_j^-1 A_j e_j,   e = y - offset - X beta-hat,

over clusters j between which V is zero; the kinds differ in the factor and the A_j. From what is
asked to a value that every test takes:

    clusters (which rows) ─► independence (may they be clusters of this model?) ─► blocks (V_j, X_j,
    e_j, small) ─► adjustment (A_j) ─► cluster_robust (covariance, df, Hotelling's test)
                         └─► crossed (several clusterings)
"""

from mixedmodels.inference.robust.asked import cov_params, test_method

__all__ = ["cov_params", "test_method"]
