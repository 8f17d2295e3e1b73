module taskscope.invalid/workloads

go 1.23
