package windows

import _ "example.test/bad/sim"
