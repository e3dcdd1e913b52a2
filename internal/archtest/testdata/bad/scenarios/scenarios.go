package scenarios

import _ "example.test/bad/sim"
