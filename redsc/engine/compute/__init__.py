"""All other ops that compute: arithmetic, functions, pools, recurrent layers, reductions."""
