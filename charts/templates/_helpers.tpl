{{- define "cbbot.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "cbbot.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "cbbot.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "cbbot.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "cbbot.operator" -}}
{{- printf "%s-operator" (include "cbbot.fullname" .) -}}
{{- end -}}

{{- define "cbbot.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "cbbot.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name must be given when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "cbbot.selector" -}}
app.kubernetes.io/name: cbbot-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "cbbot.labels" -}}
{{ include "cbbot.selector" . }}
app.kubernetes.io/part-of: cbbot
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- /* An image's full name; the argument is a list of the root and a key of .Values.image. */ -}}
{{- define "cbbot.image" -}}
{{- $root := index . 0 -}}
{{- $name := index $root.Values.image (index . 1) -}}
{{- $tag := default $root.Chart.AppVersion $root.Values.image.tag -}}
{{- with $root.Values.image.registry -}}{{ trimSuffix "/" . }}/{{- end -}}{{ $name }}:{{ $tag }}
{{- end -}}

{{- /* The watched namespaces, separated by commas; * for all. */ -}}
{{- define "cbbot.namespaces" -}}
{{- if eq .Values.scope "cluster" -}}*{{- else -}}{{ default (list .Release.Namespace) .Values.namespaces | join "," }}{{- end -}}
{{- end -}}

{{- /* Rights over what a TradingBot becomes, in every watched namespace. Delete only what is ever pruned. */ -}}
{{- define "cbbot.rules" -}}
- apiGroups: [cbbot.io]
  resources: [tradingbots]
  verbs: [get, list, watch, patch]
- apiGroups: [cbbot.io]
  resources: [tradingbots/status]
  verbs: [patch]
- apiGroups: [""]
  resources: [serviceaccounts, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [secrets, configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create, list]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [list, watch]
{{- end -}}

{{- /* The Lease must stand in a watched namespace; the release's own where that is one. */ -}}
{{- define "cbbot.leaseNamespace" -}}
{{- $watched := splitList "," (include "cbbot.namespaces" .) -}}
{{- if or (eq .Values.scope "cluster") (has .Release.Namespace $watched) -}}
{{ .Release.Namespace }}
{{- else -}}
{{ first $watched }}
{{- end -}}
{{- end -}}
