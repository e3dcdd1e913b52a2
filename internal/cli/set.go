package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/aviary-rollouts/aviary/internal/ops"
)

const setImageExample = `  # Set rollout image
  kubectl argo rollouts set image my-rollout www=image:v2`

func (p *plugin) set() *cobra.Command {
	c := group("set COMMAND", "Update various values on resources", setImageExample)
	c.AddCommand(p.setImage())
	return c
}

func (p *plugin) setImage() *cobra.Command {
	return &cobra.Command{
		Use:               "image ROLLOUT_NAME CONTAINER=IMAGE",
		Short:             "Update the image of a rollout",
		Example:           setImageExample,
		Args:              needs(2, unlimited, rollout.one()+" and one or more CONTAINER=IMAGE"),
		ValidArgsFunction: p.complete(rollout, true),
		RunE: func(c *cobra.Command, args []string) error {
			var images []ops.ContainerImage
			for _, arg := range args[1:] {
				image, err := ops.ParseContainerImage(arg)
				if err != nil {
					return err
				}
				images = append(images, image)
			}
			cluster, namespace, err := p.cluster()
			if err != nil {
				return err
			}
			key, err := rollout.key(namespace, args[0])
			if err != nil {
				return err
			}
			if err := ops.SetImage(c.Context(), cluster, key, images...); err != nil {
				return err
			}
			fmt.Fprintf(p.Out, "rollout %q image updated\n", key.Name)
			return nil
		},
	}
}
