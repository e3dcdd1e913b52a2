package metric

import . "time"

var _ = Now()
