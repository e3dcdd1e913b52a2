package control

import (
	_ "context"

	_ "example.test/bad/internal/apply"
	_ "example.test/bad/internal/cli" // what talks to people
	_ "example.test/bad/internal/rollout"
)

func Start() {
	go Start()
}
