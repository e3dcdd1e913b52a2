package names

import _ "example.test/bad/sim" // internal imports sim
