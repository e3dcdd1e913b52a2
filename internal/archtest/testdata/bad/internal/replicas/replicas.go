package replicas
