"""The default beside other models: a second DVC pipeline, over several splits and under two protocols."""
